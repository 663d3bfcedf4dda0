// Two calls of a bot with Callkeeper, in C# (.NET or Mono) with only the standard library: the bot
// hangs up one, and the other ends without the bot. docs/examples.md says how to run it.
using System;
using System.Net;
using System.Net.Http;
using System.Net.Http.Headers;
using System.Text;
using System.Text.RegularExpressions;
using System.Threading;
using System.Threading.Tasks;

static class Bot
{
    static readonly string Callkeeper = Environment.GetEnvironmentVariable("CALLKEEPER") ?? "http://127.0.0.1:8080";
    static readonly string Simulator = Environment.GetEnvironmentVariable("SIMULATOR"); // in Graph's place
    /// This process owns its calls: if it dies, Callkeeper stops them. In a pod, the machine's name
    /// is the name of the pod. A container that restarts keeps that name, so a random part is
    /// added.
    static readonly string Owner = Environment.MachineName + "-" + Guid.NewGuid().ToString("N").Substring(0, 8);
    static readonly TimeSpan Lease = TimeSpan.FromSeconds(90);
    static readonly HttpClient Http = new HttpClient { Timeout = TimeSpan.FromSeconds(10) };

    /// Retries until there is an answer: every request may be repeated. Throws if it is refused.
    static async Task<string> Ask(HttpMethod method, string path, string body = null, int seconds = 120)
    {
        var until = DateTime.UtcNow.AddSeconds(seconds);
        for (var wait = TimeSpan.FromMilliseconds(100); ; wait = TimeSpan.FromMilliseconds(Math.Min(5000, 2 * wait.TotalMilliseconds)))
        {
            var asked = TimeSpan.Zero;
            try
            {
                var request = new HttpRequestMessage(method, Callkeeper + "/" + path);
                request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", Environment.GetEnvironmentVariable("CALLKEEPER_KEY") ?? "none");
                if (body != null) request.Content = new StringContent(body, Encoding.UTF8, "application/json");
                using (var answer = await Http.SendAsync(request))
                {
                    var status = (int)answer.StatusCode;
                    var text = await answer.Content.ReadAsStringAsync();
                    if (answer.IsSuccessStatusCode) return text;
                    // These mean that no replica is ready: retry.
                    if (status != 408 && status != 429 && (status < 502 || status > 504)) throw new InvalidOperationException(status + ": " + text);
                    asked = answer.Headers.RetryAfter?.Delta ?? TimeSpan.Zero;
                }
            }
            catch (Exception error) when ((error is HttpRequestException || error is TaskCanceledException) && DateTime.UtcNow < until) { }
            if (DateTime.UtcNow > until) throw new TimeoutException("Callkeeper does not answer");
            await Task.Delay(asked > wait ? asked : wait);
        }
    }

    /// Renews the lease three times per lease, so that one renewal may fail. If "renewedAt" is not
    /// before "stopsAt" of the previous answer, the calls may have been stopped: a real bot tracks
    /// them again.
    static async Task KeepLease(CancellationToken stopping)
    {
        while (!stopping.IsCancellationRequested)
        {
            var wait = TimeSpan.FromSeconds(Lease.TotalSeconds / 3);
            try { await Ask(HttpMethod.Put, "owners/" + Owner, "{\"leaseSeconds\":" + Lease.TotalSeconds + "}", 20); }
            catch (Exception error)
            {
                Console.Error.WriteLine("the lease was not renewed: " + error.Message);
                wait = TimeSpan.FromSeconds(5);
            }
            await Task.WhenAny(Task.Delay(wait, stopping));
        }
    }

    /// Stands in for Graph: a real bot sends requests to Graph here.
    static async Task<string> Graph(HttpMethod method, string path) =>
        await (await Http.SendAsync(new HttpRequestMessage(method, Simulator + "/" + path))).Content.ReadAsStringAsync();

    /// With .NET, use System.Text.Json, which Mono does not have.
    static string Read(string json, string name) => Regex.Match(json, "\"" + name + "\":\"([^\"]*)\"").Groups[1].Value;

    /// How the call left the schedule: ended, expired or untracked.
    static async Task<string> UntilOver(string call)
    {
        string state;
        while ((state = Read(await Ask(HttpMethod.Get, "calls/" + call), "state")) == "tracked") await Task.Delay(1000);
        return state;
    }

    static async Task HandleCalls()
    {
        var mine = Read(await Graph(HttpMethod.Post, "calls"), "id");
        var theirs = Read(await Graph(HttpMethod.Post, "calls"), "id");
        var fields = "{\"owner\":\"" + Owner + "\",\"labels\":{\"bot\":\"example\"}}";
        foreach (var call in new[] { mine, theirs }) // established: from now on they are kept alive
            Console.WriteLine("tracked " + Read(await Ask(HttpMethod.Post, "calls/" + call + "/track", fields), "id"));

        await Graph(HttpMethod.Delete, "calls/" + mine); // the bot hangs up
        await Ask(HttpMethod.Delete, "calls/" + mine + "/track");
        Console.WriteLine("hung up " + mine + " " + await UntilOver(mine));

        await Graph(HttpMethod.Delete, "calls/" + theirs); // the others leave; nobody tells the bot
        Console.WriteLine("over " + theirs + " " + await UntilOver(theirs));
    }

    static async Task Run()
    {
        var stopping = new CancellationTokenSource();
        var renewing = KeepLease(stopping.Token);
        try { await HandleCalls(); }
        finally
        {
            // A renewal after the request below would give the owner a lease again.
            stopping.Cancel();
            await Task.WhenAny(renewing, Task.Delay(5000));
            // The bot shuts down: Callkeeper stops its calls at once, except those that another
            // instance has already tracked under its own name. If another instance takes the calls
            // over only later, leave this out: it then has until the end of the lease and
            // OWNER_GRACE.
            await Ask(HttpMethod.Delete, "owners/" + Owner, null, 20);
        }
    }

    static void Main() => Run().GetAwaiter().GetResult();
}
