using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using GuardSharp.Tests.Cli;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Yarp.ReverseProxy;
using Yarp.ReverseProxy.Model;

namespace GuardSharp.Tests.Scaling;

/// <summary>The front of deploy/yarp before three servers, each a process of its own.</summary>
public sealed class BalancerTests
{
    private const string Body = """{"messages":[{"role":"user","content":"How do I get to the station?"}]}""";
    private const int Clients = 12;
    private static readonly string[] _names = ["one", "two", "three"];

    [Fact]
    public async Task A_replica_that_is_killed_under_load_fails_no_request_and_comes_back()
    {
        int[] ports = [FreePort(), FreePort(), FreePort()];
        Process[] replicas = [.. ports.Select(Start)];
        try
        {
            await using var front = Front(ports);
            await front.StartAsync(TestContext.Current.CancellationToken);
            var cluster = Cluster(front);
            await UntilAsync(() => cluster.Destinations.Values.All(replica => replica.Health.Active == DestinationHealth.Healthy));

            using var client = new HttpClient { BaseAddress = new Uri(front.Urls.Single()) };
            var answered = new int[1];
            var load = new CancellationTokenSource();
            Task<List<HttpStatusCode>>[] clients = [.. Enumerable.Range(0, Clients).Select(_ => SendAsync(client, answered, load.Token))];
            await UntilAsync(() => answered[0] >= 200);
            replicas[0].Kill();
            var killedAt = answered[0];
            await UntilAsync(() => cluster.Destinations["one"].Health is { Active: DestinationHealth.Unhealthy } or { Passive: DestinationHealth.Unhealthy } && answered[0] >= killedAt + 200);
            replicas[0].Dispose();
            replicas[0] = Start(ports[0]);
            await UntilAsync(() => cluster.Destinations["one"].Health is { Active: DestinationHealth.Healthy, Passive: not DestinationHealth.Unhealthy });
            var backAt = answered[0];
            await UntilAsync(() => answered[0] >= backAt + 100);
            await load.CancelAsync();
            var statuses = (await Task.WhenAll(clients)).SelectMany(all => all).ToList();
            TestContext.Current.TestOutputHelper?.WriteLine($"{statuses.Count} requests of {Clients} clients, killed after {killedAt}, back after {backAt}: {statuses.Count(status => status != HttpStatusCode.OK)} failed");
            Assert.All(statuses, status => Assert.Equal(HttpStatusCode.OK, status));
        }
        finally
        {
            foreach (var replica in replicas.Where(replica => !replica.HasExited))
                replica.Kill();
        }
    }

    private static async Task<List<HttpStatusCode>> SendAsync(HttpClient client, int[] answered, CancellationToken stop)
    {
        var statuses = new List<HttpStatusCode>();
        while (!stop.IsCancellationRequested)
        {
            using var content = new StringContent(Body, Encoding.UTF8, "application/json");
            using var response = await client.PostAsync(new Uri("/v1/guard/classify", UriKind.Relative), content, TestContext.Current.CancellationToken);
            statuses.Add(response.StatusCode);
            Interlocked.Increment(ref answered[0]);
        }

        return statuses;
    }

    private static WebApplication Front(int[] ports) => GuardSharp.Balancer.Balancer.Create([], configuration =>
    {
        // The file that is shipped, with the addresses of this test.
        configuration.AddJsonFile(Path.Combine(TestFiles.Root, "deploy", "yarp", "appsettings.json"));
        configuration.AddInMemoryCollection(_names.Zip(ports, (name, port) => KeyValuePair.Create($"ReverseProxy:Clusters:guards:Destinations:{name}:Address", (string?)$"http://127.0.0.1:{port}"))
            .Append(KeyValuePair.Create("Urls", (string?)"http://127.0.0.1:0"))
            // Failing checks are what this is about.
            .Append(KeyValuePair.Create("Logging:LogLevel:Default", (string?)"None")));
    });

    private static ClusterState Cluster(WebApplication front) =>
        front.Services.GetRequiredService<IProxyStateLookup>().TryGetCluster("guards", out var cluster) ? cluster : throw new InvalidOperationException("no cluster");

    private static Process Start(int port)
    {
        var server = ProcessTests.Start([], "serve", "--urls", string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{port}"), "--set", "GuardSharp:Models:tiny:Threads=1");
        server.OutputDataReceived += (_, _) => { };
        server.ErrorDataReceived += (_, _) => { };
        server.BeginOutputReadLine();
        server.BeginErrorReadLine();
        return server;
    }

    private static async Task UntilAsync(Func<bool> reached)
    {
        while (!reached())
            await Task.Delay(20, TestContext.Current.CancellationToken);
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
