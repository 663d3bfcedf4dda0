// A bot's calls with Callkeeper, in C#: established, tracked, hung up, stopped; and one that ends
// without the bot. For .NET and Mono, with nothing but the library. Run it as docs/examples.md says.
using System;
using System.Net;
using System.Net.Http;
using System.Net.Http.Headers;
using System.Text;
using System.Text.RegularExpressions;
using System.Threading.Tasks;

static class Bot
{
    static readonly string Callkeeper = Environment.GetEnvironmentVariable("CALLKEEPER") ?? "http://127.0.0.1:8080";
    static readonly string Simulator = Environment.GetEnvironmentVariable("SIMULATOR"); // in Graph's place
    static readonly HttpClient Http = new HttpClient { Timeout = TimeSpan.FromSeconds(10) };

    /// Asks until there is an answer: every request may be repeated. Throws for a fault.
    static async Task<string> Ask(HttpMethod method, string path, string body = null, int seconds = 120)
    {
        var until = DateTime.UtcNow.AddSeconds(seconds);
        for (var wait = TimeSpan.FromMilliseconds(100); ; wait = TimeSpan.FromMilliseconds(Math.Min(5000, 2 * wait.TotalMilliseconds)))
        {
            var asked = TimeSpan.Zero;
            try
            {
                var request = new HttpRequestMessage(method, Callkeeper + "/calls/" + path);
                request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", Environment.GetEnvironmentVariable("CALLKEEPER_KEY") ?? "none");
                if (body != null) request.Content = new StringContent(body, Encoding.UTF8, "application/json");
                using (var answer = await Http.SendAsync(request))
                {
                    var status = (int)answer.StatusCode;
                    var text = await answer.Content.ReadAsStringAsync();
                    if (answer.IsSuccessStatusCode) return text;
                    // No replica there, or ready, for these: ask again.
                    if (status != 408 && status != 429 && (status < 502 || status > 504)) throw new InvalidOperationException(status + ": " + text);
                    asked = answer.Headers.RetryAfter?.Delta ?? TimeSpan.Zero;
                }
            }
            catch (Exception error) when ((error is HttpRequestException || error is TaskCanceledException) && DateTime.UtcNow < until) { }
            if (DateTime.UtcNow > until) throw new TimeoutException("Callkeeper does not answer");
            await Task.Delay(asked > wait ? asked : wait);
        }
    }

    /// Graph's part: in a real bot these are its requests to Graph.
    static async Task<string> Graph(HttpMethod method, string path) =>
        await (await Http.SendAsync(new HttpRequestMessage(method, Simulator + "/" + path))).Content.ReadAsStringAsync();

    /// With .NET use System.Text.Json; Mono has it not.
    static string Read(string json, string name) => Regex.Match(json, "\"" + name + "\":\"([^\"]*)\"").Groups[1].Value;

    /// How the call left the schedule: ended, expired or untracked.
    static async Task<string> UntilOver(string call)
    {
        string state;
        while ((state = Read(await Ask(HttpMethod.Get, call), "state")) == "tracked") await Task.Delay(1000);
        return state;
    }

    static async Task Run()
    {
        var mine = Read(await Graph(HttpMethod.Post, "calls"), "id");
        var theirs = Read(await Graph(HttpMethod.Post, "calls"), "id");
        foreach (var call in new[] { mine, theirs }) // established: from now on they are kept alive
            Console.WriteLine("tracked " + Read(await Ask(HttpMethod.Post, call + "/track", "{\"labels\":{\"bot\":\"example\"}}"), "id"));

        await Graph(HttpMethod.Delete, "calls/" + mine); // the bot hangs up
        await Ask(HttpMethod.Delete, mine + "/track");
        Console.WriteLine("hung up " + mine + " " + await UntilOver(mine));

        await Graph(HttpMethod.Delete, "calls/" + theirs); // the others leave; nobody tells the bot
        Console.WriteLine("over " + theirs + " " + await UntilOver(theirs));
    }

    static void Main() => Run().GetAwaiter().GetResult();
}
