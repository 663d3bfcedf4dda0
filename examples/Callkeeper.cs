// A client of Callkeeper for .NET and Mono that repeats requests until they are answered. Copy it into
// your bot: see docs/dotnet.md. It writes its JSON by hand, to need nothing but the library.
using System;
using System.Collections.Generic;
using System.Linq;
using System.Net.Http;
using System.Text;
using System.Threading;
using System.Threading.Tasks;

public sealed class Callkeeper
{
    const int MostCalls = 1000; // in one request
    readonly Func<HttpClient> http;

    /// The HttpClient has a BaseAddress that ends in a slash, and the API key as its Authorization.
    public Callkeeper(Func<HttpClient> http) { this.http = http; }

    public Task<string> Track(string call, string owner, CancellationToken stopping = default(CancellationToken)) =>
        Ask(HttpMethod.Post, "calls/" + call + "/track", "{\"owner\":\"" + owner + "\"}", 120, stopping);

    /// A call that is still tracked stays as it is; a call that was stopped is tracked again.
    public async Task TrackAll(IEnumerable<string> calls, string owner, CancellationToken stopping = default(CancellationToken))
    {
        var all = calls.Select(call => "{\"id\":\"" + call + "\",\"owner\":\"" + owner + "\"}").ToList();
        for (var i = 0; i < all.Count; i += MostCalls)
            await Ask(HttpMethod.Post, "calls/track", "{\"calls\":[" + string.Join(",", all.Skip(i).Take(MostCalls)) + "]}", 120, stopping);
    }

    public Task Untrack(string call, CancellationToken stopping = default(CancellationToken)) =>
        Ask(HttpMethod.Delete, "calls/" + call + "/track", null, 120, stopping);

    /// The owner is alive. Tries for at most 20 s, so that the next renewal comes in time.
    public Task RenewLease(string owner, TimeSpan lease, CancellationToken stopping = default(CancellationToken)) =>
        Ask(HttpMethod.Put, "owners/" + owner, "{\"leaseSeconds\":" + (int)lease.TotalSeconds + "}", 20, stopping);

    /// Stops all calls of the owner and drops its lease.
    public Task DropOwner(string owner, CancellationToken stopping = default(CancellationToken)) =>
        Ask(HttpMethod.Delete, "owners/" + owner, null, 20, stopping);

    /// Repeats the request until there is an answer; every request may be repeated. Throws if it is refused.
    public async Task<string> Ask(HttpMethod method, string path, string body = null, int seconds = 120, CancellationToken stopping = default(CancellationToken))
    {
        var until = DateTime.UtcNow.AddSeconds(seconds);
        for (var wait = TimeSpan.FromMilliseconds(100); ; wait = TimeSpan.FromMilliseconds(Math.Min(5000, 2 * wait.TotalMilliseconds)))
        {
            var asked = TimeSpan.Zero;
            try
            {
                var request = new HttpRequestMessage(method, path);
                if (body != null) request.Content = new StringContent(body, Encoding.UTF8, "application/json");
                using (var answer = await http().SendAsync(request, stopping))
                {
                    var status = (int)answer.StatusCode;
                    var text = await answer.Content.ReadAsStringAsync();
                    if (answer.IsSuccessStatusCode) return text;
                    // No replica answers or is ready: retry.
                    if (status != 408 && status != 429 && (status < 502 || status > 504)) throw new InvalidOperationException(status + ": " + text);
                    asked = answer.Headers.RetryAfter?.Delta ?? TimeSpan.Zero;
                }
            }
            // A TaskCanceledException is HttpClient's time-out, unless the bot stops.
            catch (Exception error) when ((error is HttpRequestException || error is TaskCanceledException) && !stopping.IsCancellationRequested && DateTime.UtcNow < until) { }
            if (DateTime.UtcNow > until) throw new TimeoutException("Callkeeper does not answer");
            await Task.Delay(asked > wait ? asked : wait, stopping);
        }
    }
}
