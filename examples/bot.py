"""Two calls of a bot with Callkeeper, in Python with only its standard library: the bot hangs up
one, and the other ends without the bot. docs/examples.md says how to run it."""
import atexit, json, os, signal, socket, sys, threading, time, uuid
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

CALLKEEPER_URL = os.environ.get("CALLKEEPER_URL", "http://127.0.0.1:8080")
SIMULATOR = os.environ["SIMULATOR"]  # the simulator stands in for Graph
# This process owns its calls: if it dies, Callkeeper stops them. In a pod, the host name is the
# name of the pod. A container that restarts keeps that name, so a random part is added.
OWNER = f"{socket.gethostname()}-{uuid.uuid4().hex[:8]}"
LEASE_SECONDS = 90
PASSING = {408, 429, 502, 503, 504}  # no replica is ready: retry


def callkeeper(method, path, body=None, seconds=120):
    """Retries until there is an answer: every request may be repeated. Raises HTTPError if refused."""
    headers = {"Authorization": f"Bearer {os.environ.get('CALLKEEPER_API_KEY', '')}",
               "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    until, wait = time.monotonic() + seconds, 0.1
    while True:
        try:
            request = Request(f"{CALLKEEPER_URL}/{path}", data, headers, method=method)
            with urlopen(request, timeout=10) as answer:
                return json.loads(answer.read() or "null")
        except (URLError, OSError) as error:  # HTTPError is a URLError
            passes = not isinstance(error, HTTPError) or error.code in PASSING
            if not passes or time.monotonic() + wait > until:
                raise
            asked = error.headers.get("Retry-After", "0") if isinstance(error, HTTPError) else "0"
            time.sleep(max(wait, float(asked) if asked.isdigit() else 0))
            wait = min(2 * wait, 5)


calls = set()  # the calls of this bot; a real bot knows more about each
stopping = threading.Event()


def track(call):
    fields = {"owner": OWNER, "labels": {"bot": "example"}}
    return callkeeper("POST", f"calls/{call}/track", fields)


def keep_lease():
    """Renews the lease three times per lease, so that one renewal may fail."""
    stops_at = "9999"
    while not stopping.is_set():
        wait = LEASE_SECONDS / 3
        try:
            owner = callkeeper("PUT", f"owners/{OWNER}", {"leaseSeconds": LEASE_SECONDS}, seconds=20)
            # If the renewal came too late, the calls may have been stopped: track them again.
            for call in list(calls) if owner["renewedAt"] >= stops_at else []:
                track(call)
            stops_at = owner["stopsAt"]
        except Exception as error:
            print("the lease was not renewed:", error, file=sys.stderr)
            wait = 5
        stopping.wait(wait)


def stop():
    """The bot shuts down: Callkeeper stops its calls at once, except those that another instance has
    already tracked under its own name. If another instance takes the calls over only later, leave
    out the DELETE: it then has until the end of the lease and OWNER_GRACE."""
    stopping.set()
    renewing.join(5)  # a renewal after the DELETE would give the owner a lease again
    callkeeper("DELETE", f"owners/{OWNER}", seconds=20)


def graph(method, path="calls"):
    """Stands in for Graph: a real bot sends requests to Graph here."""
    return json.load(urlopen(Request(f"{SIMULATOR}/{path}", method=method)))


def until_over(call):
    """How the call left the schedule: ended, expired or untracked."""
    while (state := callkeeper("GET", f"calls/{call}")["state"]) == "tracked":
        time.sleep(1)
    calls.discard(call)
    return state


renewing = threading.Thread(target=keep_lease, daemon=True)
renewing.start()
signal.signal(signal.SIGTERM, lambda *_: sys.exit())
atexit.register(stop)

mine, theirs = graph("POST")["id"], graph("POST")["id"]
for call in (mine, theirs):  # established: from now on they are kept alive
    calls.add(call)
    print("tracked", track(call)["id"])

graph("DELETE", f"calls/{mine}")  # the bot hangs up
callkeeper("DELETE", f"calls/{mine}/track")
print("hung up", mine, until_over(mine))

graph("DELETE", f"calls/{theirs}")  # the others leave; nobody tells the bot
print("over", theirs, until_over(theirs))
