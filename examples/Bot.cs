// Two calls of a bot with Callkeeper, in C# (.NET or Mono) with only the standard library and the
// client in Callkeeper.cs: the bot hangs up one, and the other ends without the bot. docs/examples.md
// says how to run it; docs/dotnet.md shows a bot with a host and dependency injection.
using System;
using System.Net.Http;
using System.Net.Http.Headers;
using System.Text.RegularExpressions;
using System.Threading;
using System.Threading.Tasks;

static class Bot
{
    static readonly string Url = Environment.GetEnvironmentVariable("CALLKEEPER_URL") ?? "http://127.0.0.1:8080";
    static readonly string Simulator = Environment.GetEnvironmentVariable("SIMULATOR"); // the simulator stands in for Graph
    /// This process owns its calls: if it dies, Callkeeper stops them. In a pod, the machine's name
    /// is the name of the pod. A container that restarts keeps that name, so a random part is
    /// added.
    static readonly string Owner = Environment.MachineName + "-" + Guid.NewGuid().ToString("N").Substring(0, 8);
    static readonly TimeSpan Lease = TimeSpan.FromSeconds(90);
    static readonly HttpClient Http = new HttpClient { BaseAddress = new Uri(Url + "/"), Timeout = TimeSpan.FromSeconds(10) };
    static readonly HttpClient ToGraph = new HttpClient { Timeout = TimeSpan.FromSeconds(10) }; // without Callkeeper's key
    static readonly Callkeeper Callkeeper = new Callkeeper(() => Http);

    /// Renews the lease three times per lease, so that one renewal may fail. If "renewedAt" is not
    /// before "stopsAt" of the previous answer, the calls may have been stopped: a real bot tracks
    /// them again.
    static async Task KeepLease(CancellationToken stopping)
    {
        while (!stopping.IsCancellationRequested)
        {
            var wait = TimeSpan.FromSeconds(Lease.TotalSeconds / 3);
            try { await Callkeeper.RenewLease(Owner, Lease); }
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
        await (await ToGraph.SendAsync(new HttpRequestMessage(method, Simulator + "/" + path))).Content.ReadAsStringAsync();

    /// With .NET, use System.Text.Json, which Mono does not have.
    static string Read(string json, string name) => Regex.Match(json, "\"" + name + "\":\"([^\"]*)\"").Groups[1].Value;

    /// How the call left the schedule: ended, expired or untracked.
    static async Task<string> UntilOver(string call)
    {
        string state;
        while ((state = Read(await Callkeeper.Ask(HttpMethod.Get, "calls/" + call), "state")) == "tracked") await Task.Delay(1000);
        return state;
    }

    static async Task HandleCalls()
    {
        var mine = Read(await Graph(HttpMethod.Post, "calls"), "id");
        var theirs = Read(await Graph(HttpMethod.Post, "calls"), "id");
        var fields = "{\"owner\":\"" + Owner + "\",\"labels\":{\"bot\":\"example\"}}";
        foreach (var call in new[] { mine, theirs }) // established: from now on they are kept alive
            Console.WriteLine("tracked " + Read(await Callkeeper.Ask(HttpMethod.Post, "calls/" + call + "/track", fields), "id"));

        await Graph(HttpMethod.Delete, "calls/" + mine); // the bot hangs up
        await Callkeeper.Untrack(mine);
        Console.WriteLine("hung up " + mine + " " + await UntilOver(mine));

        await Graph(HttpMethod.Delete, "calls/" + theirs); // the others leave; nobody tells the bot
        Console.WriteLine("over " + theirs + " " + await UntilOver(theirs));
    }

    static async Task Run()
    {
        Http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", Environment.GetEnvironmentVariable("CALLKEEPER_API_KEY") ?? "none");
        var stopping = new CancellationTokenSource();
        var renewing = KeepLease(stopping.Token);
        try { await HandleCalls(); }
        finally
        {
            // A renewal after the request below would give the owner a lease again.
            stopping.Cancel();
            await Task.WhenAny(renewing, Task.Delay(5000));
            // The bot stops in an orderly way: its calls are stopped at once. Calls that another
            // instance has tracked under its own name go on. If another will do so only later, leave
            // this out: it has as long as the lease and OWNER_GRACE.
            await Callkeeper.DropOwner(Owner);
        }
    }

    static void Main() => Run().GetAwaiter().GetResult();
}
