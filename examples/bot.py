"""A bot's calls with Callkeeper, in Python with nothing but its own library: established, tracked,
hung up, stopped; and one that ends without the bot. Run it as docs/examples.md says."""
import json, os, time
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

CALLKEEPER = os.environ.get("CALLKEEPER", "http://127.0.0.1:8080")
SIMULATOR = os.environ["SIMULATOR"]  # in Graph's place
PASSING = {408, 429, 502, 503, 504}  # no replica there, or ready: ask again


def callkeeper(method, path, body=None, seconds=120):
    """Asks until there is an answer: every request may be repeated. Raises HTTPError for a fault."""
    headers = {"Authorization": f"Bearer {os.environ.get('CALLKEEPER_KEY', '')}",
               "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    until, wait = time.monotonic() + seconds, 0.1
    while True:
        try:
            request = Request(f"{CALLKEEPER}/calls/{path}", data, headers, method=method)
            with urlopen(request, timeout=10) as answer:
                return json.loads(answer.read() or "null")
        except (URLError, OSError) as error:  # HTTPError is a URLError
            passes = not isinstance(error, HTTPError) or error.code in PASSING
            if not passes or time.monotonic() + wait > until:
                raise
            asked = error.headers.get("Retry-After", "0") if isinstance(error, HTTPError) else "0"
            time.sleep(max(wait, float(asked) if asked.isdigit() else 0))
            wait = min(2 * wait, 5)


def graph(method, path="calls"):
    """Graph's part: in a real bot these are its requests to Graph."""
    return json.load(urlopen(Request(f"{SIMULATOR}/{path}", method=method)))


def until_over(call):
    """How the call left the schedule: ended, expired or untracked."""
    while (state := callkeeper("GET", call)["state"]) == "tracked":
        time.sleep(1)
    return state


mine, theirs = graph("POST")["id"], graph("POST")["id"]
for call in (mine, theirs):  # established: from now on they are kept alive
    print("tracked", callkeeper("POST", f"{call}/track", {"labels": {"bot": "example"}})["id"])

graph("DELETE", f"calls/{mine}")  # the bot hangs up
callkeeper("DELETE", f"{mine}/track")
print("hung up", mine, until_over(mine))

graph("DELETE", f"calls/{theirs}")  # the others leave; nobody tells the bot
print("over", theirs, until_over(theirs))
