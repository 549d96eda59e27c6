// Passkeys (Web Authentication Level 2): asks the browser for one, puts what it says into the form, and sends the form.
// A form says what it wants in data-passkey: "show" one to sign in, or "add" one. Without passkeys nothing is shown.

const bytes = text => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), letter => letter.charCodeAt(0));
const text = buffer => btoa(String.fromCharCode(...new Uint8Array(buffer)))
  .replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

const wishes = {
  show: ({ challenge, host }) => navigator.credentials.get({
    publicKey: { challenge: bytes(challenge), rpId: host, userVerification: "required" },
  }),
  add: ({ challenge, host, owner, login, person, known }) => navigator.credentials.create({
    publicKey: {
      challenge: bytes(challenge),
      rp: { id: host, name: "Chartroom" },
      user: { id: new TextEncoder().encode(owner), name: login, displayName: person },
      pubKeyCredParams: [-7, -8, -257].map(alg => ({ type: "public-key", alg })),
      authenticatorSelection: { residentKey: "required", requireResidentKey: true, userVerification: "required" },
      excludeCredentials: known.split(" ").filter(Boolean).map(id => ({ type: "public-key", id: bytes(id) })),
      attestation: "none",
    },
  }),
};

const said = {
  show: ({ rawId, response }) => ({
    id: text(rawId), client: text(response.clientDataJSON), authenticator: text(response.authenticatorData),
    signature: text(response.signature), owner: text(response.userHandle ?? new ArrayBuffer(0)),
  }),
  add: ({ rawId, response }) => ({
    id: text(rawId), client: text(response.clientDataJSON), authenticator: text(response.getAuthenticatorData()),
    key: text(response.getPublicKey() ?? new ArrayBuffer(0)), algorithm: String(response.getPublicKeyAlgorithm()),
  }),
};

const ask = async (form, event) => {
  event.preventDefault();
  const { passkey } = form.dataset;
  const why = form.querySelector("[role=alert]");
  why.hidden = true;
  try {
    const told = said[passkey](await wishes[passkey](form.dataset));
    for (const [name, value] of Object.entries(told)) form.elements[name].value = value;
    form.submit();
  } catch (error) {
    why.textContent = error.name === "InvalidStateError" ? "This device has a passkey of yours already."
      : "The device showed no passkey, or you took too long. Try again.";
    why.hidden = false;
  }
};

if (globalThis.PublicKeyCredential && globalThis.isSecureContext) {
  for (const form of document.querySelectorAll("form[data-passkey]")) {
    form.hidden = false;
    form.addEventListener("submit", event => ask(form, event));
  }
}
