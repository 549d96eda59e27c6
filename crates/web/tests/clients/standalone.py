"""A standalone launch with the unmodified Python library `fhirclient` (PyPI).

    standalone.py BASE ID REDIRECT

Prints the address to which the app sends its person, reads the one at which they come back, and prints one line of JSON: whom
the app sees, before and after it has renewed its token, and what another patient's record answers.
"""

import json
import sys

from fhirclient.client import FHIRClient
from fhirclient.models.observation import Observation
from fhirclient.models.patient import Patient
from fhirclient.server import FHIRNotFoundException

base, app, redirect = sys.argv[1:]
scope = "patient/Patient.rs patient/Observation.rs offline_access openid fhirUser"
kept = {}
client = FHIRClient(
    {"app_id": app, "api_base": base, "redirect_uri": redirect, "scope": scope}, save_func=kept.update
)
assert not client.prepare() and not client.ready
print(client.authorize_url, flush=True)

# The library is made for servers of apps: what it knows is kept from one request to the next.
client = FHIRClient(state=kept, save_func=kept.update)
client.handle_callback(sys.stdin.readline().strip())
assert client.ready
family = client.patient.name[0].family
first = client.server.auth.access_token

assert client.reauthorize()
second = client.server.auth.access_token
found = Observation.where({"patient": client.patient_id}).perform_resources(client.server)
other = "zoe" if client.patient_id == "ann" else "ann"
try:
    Patient.read(other, client.server)
    status = 200
except FHIRNotFoundException:
    status = 404
print(
    json.dumps(
        {
            "patient": client.patient_id,
            "family": family,
            "observations": sorted(one.id for one in found),
            "isRenewed": first != second and Patient.read(client.patient_id, client.server).id == client.patient_id,
            "other": status,
        }
    )
)
