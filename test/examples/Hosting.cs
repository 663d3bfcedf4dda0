// Stand-ins for the parts of Microsoft.Extensions and of Microsoft's calling SDK that docs/dotnet.md uses,
// because Debian has neither, and a program that runs the page's service: it reads "established ID" and
// "removed ID", says when each is done, and stops the service when its input ends.
using System;
using System.Collections.Generic;
using System.Linq;
using System.Net.Http;
using System.Threading;
using System.Threading.Tasks;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Microsoft.Extensions.Configuration
{
    public interface IConfiguration { IConfiguration GetSection(string name); string this[string name] { get; } }

    public sealed class FromEnvironment : IConfiguration
    {
        readonly string prefix;
        public FromEnvironment(string prefix = "") { this.prefix = prefix; }
        public IConfiguration GetSection(string name) { return new FromEnvironment(prefix + name + "__"); }
        public string this[string name] { get { return Environment.GetEnvironmentVariable(prefix + name); } }
    }
}

namespace Microsoft.Extensions.Options
{
    public interface IOptions<T> { T Value { get; } }
    public sealed class Fixed<T> : IOptions<T> { public T Value { get; set; } }
}

namespace Microsoft.Extensions.Logging
{
    public interface ILogger<T> { }
    public sealed class ToStandardError<T> : ILogger<T> { }
    public static class LoggerExtensions
    {
        public static void LogWarning<T>(this ILogger<T> log, Exception error, string text)
        {
            Console.Error.WriteLine("warning: " + text + ": " + error.Message);
        }
    }
}

namespace Microsoft.Extensions.Hosting
{
    public interface IHostedService { Task StartAsync(CancellationToken cancelled); Task StopAsync(CancellationToken hurry); }

    public abstract class BackgroundService : IHostedService
    {
        readonly CancellationTokenSource stopping = new CancellationTokenSource();
        Task running;
        protected abstract Task ExecuteAsync(CancellationToken stopping);
        public virtual Task StartAsync(CancellationToken cancelled) { running = ExecuteAsync(stopping.Token); return Task.CompletedTask; }
        public virtual async Task StopAsync(CancellationToken hurry)
        {
            stopping.Cancel();
            await Task.WhenAny(running, Task.Delay(-1, hurry));
        }
    }
}

namespace Microsoft.Extensions.DependencyInjection
{
    using Options;
    using Logging;

    public interface IServiceCollection { void Add(Type type, Func<IServiceProvider, object> make); }

    public sealed class Services : IServiceCollection, IServiceProvider
    {
        readonly Dictionary<Type, Lazy<object>> made = new Dictionary<Type, Lazy<object>>();
        public void Add(Type type, Func<IServiceProvider, object> make) { made[type] = new Lazy<object>(() => make(this)); }
        public object GetService(Type type)
        {
            if (made.ContainsKey(type)) return made[type].Value;
            if (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(ILogger<>))
                return Activator.CreateInstance(typeof(ToStandardError<>).MakeGenericType(type.GetGenericArguments()));
            throw new InvalidOperationException("no service " + type);
        }
    }

    public sealed class ClientFactory : IHttpClientFactory
    {
        readonly Func<HttpClient> make;
        public ClientFactory(Func<HttpClient> make) { this.make = make; }
        public HttpClient CreateClient(string name) { return make(); }
    }

    public static class Registrations
    {
        public static T GetRequiredService<T>(this IServiceProvider provider) { return (T)provider.GetService(typeof(T)); }
        public static void Configure<T>(this IServiceCollection services, IConfiguration section) where T : new()
        {
            var value = new T();
            foreach (var property in typeof(T).GetProperties().Where(one => section[one.Name] != null))
                property.SetValue(value, Convert.ChangeType(section[property.Name], property.PropertyType));
            services.Add(typeof(IOptions<T>), provider => new Fixed<T> { Value = value });
        }
        public static void AddHttpClient(this IServiceCollection services, string name, Action<IServiceProvider, HttpClient> configure)
        {
            services.Add(typeof(IHttpClientFactory), provider => new ClientFactory(() =>
            {
                var http = new HttpClient();
                configure(provider, http);
                return http;
            }));
        }
        public static void AddSingleton<T>(this IServiceCollection services, Func<IServiceProvider, T> make) { services.Add(typeof(T), provider => make(provider)); }
        public static void AddSingleton<T>(this IServiceCollection services)
        {
            var constructor = typeof(T).GetConstructors().Single();
            services.Add(typeof(T), provider => constructor.Invoke(constructor.GetParameters().Select(one => provider.GetService(one.ParameterType)).ToArray()));
        }
        public static void AddHostedService<T>(this IServiceCollection services, Func<IServiceProvider, T> make) where T : IHostedService { services.Add(typeof(IHostedService), provider => make(provider)); }
    }
}

namespace System.Net.Http
{
    public interface IHttpClientFactory { HttpClient CreateClient(string name); }
}

// Of Microsoft's calling SDK.
public enum CallState { Establishing, Established, Terminated }
public sealed class Call { public CallState? State; }
public interface IGraphLogger { }
public delegate void ResourceEvent(ICall sender, ResourceEventArgs<Call> args);
public interface ICall { string Id { get; } IGraphLogger GraphLogger { get; } event ResourceEvent OnUpdated; }
public interface ICallCollection { }
public sealed class CollectionEventArgs<T> { public ICollection<T> AddedResources = new T[0]; public ICollection<T> RemovedResources = new T[0]; }
public sealed class ResourceEventArgs<T> { public T OldResource; public T NewResource; }

public sealed class SampleCall : ICall
{
    public string Id { get; set; }
    public IGraphLogger GraphLogger { get { return null; } }
    public event ResourceEvent OnUpdated;
    public void Becomes(CallState before, CallState now)
    {
        OnUpdated(this, new ResourceEventArgs<Call> { OldResource = new Call { State = before }, NewResource = new Call { State = now } });
    }
}

public static class TaskExtensions
{
    public static readonly List<Task> Running = new List<Task>();
    public static void ForgetAndLogExceptionAsync(this Task task, IGraphLogger log) { Running.Add(task); }
}

/// Its other part is on the page.
public sealed partial class Bot
{
    readonly CallkeeperService callkeeper;
    public Bot(CallkeeperService callkeeper) { this.callkeeper = callkeeper; }

    public Task Hear(string what, ICall call)
    {
        if (what == "removed") CallsOnUpdated(null, new CollectionEventArgs<ICall> { RemovedResources = new[] { call } });
        else CallsOnUpdated(null, new CollectionEventArgs<ICall> { AddedResources = new[] { call } });
        if (what == "established")
        {
            ((SampleCall)call).Becomes(CallState.Establishing, CallState.Established);
            ((SampleCall)call).Becomes(CallState.Established, CallState.Established);
        }
        return Task.WhenAll(TaskExtensions.Running);
    }
}

static class Program
{
    static async Task Run()
    {
        var services = new Services();
        services.AddCallkeeper(new FromEnvironment());
        var hosted = services.GetRequiredService<IHostedService>();
        var bot = new Bot(services.GetRequiredService<CallkeeperService>());
        await hosted.StartAsync(CancellationToken.None);
        string line;
        while ((line = await Console.In.ReadLineAsync()) != null)
        {
            var words = line.Split(' ');
            await bot.Hear(words[0], new SampleCall { Id = words[1] });
            Console.WriteLine(line);
        }
        await hosted.StopAsync(new CancellationTokenSource(TimeSpan.FromSeconds(30)).Token);
        Console.WriteLine("stopped");
    }

    static void Main() { Run().GetAwaiter().GetResult(); }
}
