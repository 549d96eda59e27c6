"""A SMART Backend Services client of its own: PyJWT signs, the standard library asks.

    backend.py keys DIR                make a key in DIR, print its JSON Web Key Set
    backend.py export DIR BASE ID      export the patients in bulk, print the ids that the files have
    backend.py patients DIR BASE ID    get a token for client ID from the server at BASE, print the ids of all patients
"""

import json
import sys
import time
import urllib.parse
import urllib.request
import uuid
from pathlib import Path

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec


def keys(folder: str) -> None:
    key = ec.generate_private_key(ec.SECP384R1())
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    Path(folder, "key.pem").write_bytes(pem)
    public = json.loads(jwt.algorithms.ECAlgorithm(jwt.algorithms.ECAlgorithm.SHA384).to_jwk(key.public_key()))
    print(json.dumps({"keys": [{**public, "kid": "one", "alg": "ES384", "use": "sig"}]}))


def get(address: str, data: dict | None = None, token: str = "") -> dict:
    body = urllib.parse.urlencode(data).encode() if data else None
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    with urllib.request.urlopen(urllib.request.Request(address, body, headers), timeout=30) as answer:
        return json.load(answer)


def token_of(folder: str, base: str, client: str) -> str:
    address = get(f"{base}/.well-known/smart-configuration")["token_endpoint"]
    said = {"iss": client, "sub": client, "aud": address, "exp": int(time.time()) + 240, "jti": str(uuid.uuid4())}
    pem = Path(folder, "key.pem").read_bytes()
    statement = jwt.encode(said, pem, algorithm="ES384", headers={"kid": "one"})
    asked = {
        "grant_type": "client_credentials",
        "scope": "system/Patient.rs",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": statement,
    }
    return get(address, asked)["access_token"]


def patients(folder: str, base: str, client: str) -> None:
    token = token_of(folder, base, client)
    found = get(f"{base}/Patient?_count=100", token=token)
    print(json.dumps(sorted(entry["resource"]["id"] for entry in found["entry"])))


def ask(address: str, token: str, method: str = "GET") -> tuple[int, dict, bytes]:
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/fhir+json", "Prefer": "respond-async"}
    with urllib.request.urlopen(urllib.request.Request(address, None, headers, method=method), timeout=30) as answer:
        return answer.status, answer.headers, answer.read()


def export(folder: str, base: str, client: str) -> None:
    token = token_of(folder, base, client)
    status, headers, _ = ask(f"{base}/Patient/$export?_type=Patient", token)
    assert status == 202
    at = headers["Content-Location"]
    status, headers, body = ask(at, token)
    while status == 202:
        time.sleep(float(headers["Retry-After"]))
        status, headers, body = ask(at, token)
    files = [ask(file["url"], token)[2] for file in json.loads(body)["output"]]
    print(json.dumps(sorted(json.loads(line)["id"] for file in files for line in file.splitlines())))
    assert ask(at, token, "DELETE")[0] == 202


{"keys": keys, "patients": patients, "export": export}[sys.argv[1]](*sys.argv[2:])
