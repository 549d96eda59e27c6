"""A SMART Backend Services client of its own: PyJWT signs, the standard library asks.

    backend.py keys DIR                make a key in DIR, print its JSON Web Key Set
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


def patients(folder: str, base: str, client: str) -> None:
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
    token = get(address, asked)["access_token"]
    found = get(f"{base}/Patient?_count=100", token=token)
    print(json.dumps(sorted(entry["resource"]["id"] for entry in found["entry"])))


{"keys": keys, "patients": patients}[sys.argv[1]](*sys.argv[2:])
