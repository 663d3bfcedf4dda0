"""A bot's calls with Callkeeper, in Python with nothing but its own library: established, tracked,
hung up, stopped; and one that ends without the bot. Run it as docs/examples.md says."""
import atexit, json, os, signal, socket, sys, threading, time, uuid
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

CALLKEEPER = os.environ.get("CALLKEEPER", "http://127.0.0.1:8080")
SIMULATOR = os.environ["SIMULATOR"]  # in Graph's place
# This process owns its calls: if it dies, Callkeeper stops them. In a pod the host's name is the
# pod's; the random part is there because a container that restarts keeps it.
OWNER = f"{socket.gethostname()}-{uuid.uuid4().hex[:8]}"
LEASE_SECONDS = 90
PASSING = {408, 429, 502, 503, 504}  # no replica there, or ready: ask again


def callkeeper(method, path, body=None, seconds=120):
    """Asks until there is an answer: every request may be repeated. Raises HTTPError for a fault."""
    headers = {"Authorization": f"Bearer {os.environ.get('CALLKEEPER_KEY', '')}",
               "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    until, wait = time.monotonic() + seconds, 0.1
    while True:
        try:
            request = Request(f"{CALLKEEPER}/{path}", data, headers, method=method)
            with urlopen(request, timeout=10) as answer:
                return json.loads(answer.read() or "null")
        except (URLError, OSError) as error:  # HTTPError is a URLError
            passes = not isinstance(error, HTTPError) or error.code in PASSING
            if not passes or time.monotonic() + wait > until:
                raise
            asked = error.headers.get("Retry-After", "0") if isinstance(error, HTTPError) else "0"
            time.sleep(max(wait, float(asked) if asked.isdigit() else 0))
            wait = min(2 * wait, 5)


calls = set()  # of this bot; a real bot has more about each
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
            # So late that the calls may have been stopped: track them again.
            for call in list(calls) if owner["renewedAt"] >= stops_at else []:
                track(call)
            stops_at = owner["stopsAt"]
        except Exception as error:
            print("the lease was not renewed:", error, file=sys.stderr)
            wait = 5
        stopping.wait(wait)


def stop():
    """The bot stops in an orderly way: its calls are stopped at once. Calls that another instance
    has tracked under its own name go on. If another will do so only later, leave out the request:
    it has as long as the lease and OWNER_GRACE."""
    stopping.set()
    renewing.join(5)  # a renewal after the request would give the owner a lease again
    callkeeper("DELETE", f"owners/{OWNER}", seconds=20)


def graph(method, path="calls"):
    """Graph's part: in a real bot these are its requests to Graph."""
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
