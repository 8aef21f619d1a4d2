using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace GuardSharp.Tests.Server.Bulk;

/// <summary>A RabbitMQ node of its own: Debian's program, a temporary folder, free ports. Where there is none, tests skip.</summary>
public sealed class RabbitBroker : IAsyncLifetime
{
    private static readonly string[] _programs = ["/usr/lib/rabbitmq/bin/rabbitmq-server", "/opt/rabbitmq/sbin/rabbitmq-server"];

    private readonly TemporaryFolder _folder = new();
    private readonly int _port = FreePort();
    private readonly int _epmdPort = FreePort();
    private Process? _node;

    /// <summary>Its address; a test that asks for it skips where there is no broker.</summary>
    public string Address
    {
        get
        {
            Assert.SkipWhen(_node is null, $"no broker: none of {string.Join(", ", _programs)} is there (Debian: apt-get install rabbitmq-server)");
            return $"amqp://guest:guest@127.0.0.1:{_port.ToString(CultureInfo.InvariantCulture)}/";
        }
    }

    public async ValueTask InitializeAsync()
    {
        if (_programs.FirstOrDefault(File.Exists) is { } program)
        {
            Directory.CreateDirectory(_folder["home"]);
            _node = Start(program);
            await (await ConnectAsync()).DisposeAsync();
        }
    }

    /// <summary>A connection, as soon as the node takes one.</summary>
    public async Task<IConnection> ConnectAsync()
    {
        var factory = new ConnectionFactory { Uri = new Uri(Address) };
        while (true)
        {
            try
            {
                return await factory.CreateConnectionAsync(TestContext.Current.CancellationToken);
            }
            catch (Exception error) when (error is BrokerUnreachableException or OperationInterruptedException && !_node!.HasExited)
            {
                await Task.Delay(200, TestContext.Current.CancellationToken);
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_node is not null)
        {
            _node.Kill(entireProcessTree: true);
            await _node.WaitForExitAsync();
            _node.Dispose();
            await EndMapperAsync();
        }

        _folder.Dispose();
    }

    /// <summary>The port mapper outlives its nodes, and refuses to end before it has noticed that they are gone.</summary>
    private async Task EndMapperAsync()
    {
        var end = new ProcessStartInfo("epmd", ["-port", _epmdPort.ToString(CultureInfo.InvariantCulture), "-kill"]) { RedirectStandardOutput = true, RedirectStandardError = true };
        for (var attempt = 0; attempt < 50; attempt++)
        {
            using var mapper = Process.Start(end)!;
            var said = await mapper.StandardOutput.ReadToEndAsync() + await mapper.StandardError.ReadToEndAsync();
            await mapper.WaitForExitAsync();
            if (!said.Contains("not allowed", StringComparison.Ordinal))
                return;
            await Task.Delay(100);
        }
    }

    private Process Start(string program)
    {
        var start = new ProcessStartInfo(program) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var (name, value) in (Dictionary<string, string>)new()
        {
            ["HOME"] = _folder["home"],
            ["RABBITMQ_NODENAME"] = $"guardsharp-{_port}@localhost",
            ["RABBITMQ_NODE_IP_ADDRESS"] = "127.0.0.1",
            ["RABBITMQ_NODE_PORT"] = _port.ToString(CultureInfo.InvariantCulture),
            ["RABBITMQ_DIST_PORT"] = FreePort().ToString(CultureInfo.InvariantCulture),
            ["RABBITMQ_MNESIA_BASE"] = _folder["mnesia"],
            ["RABBITMQ_LOG_BASE"] = _folder["log"],
            ["RABBITMQ_PID_FILE"] = _folder["pid"],
            ["RABBITMQ_ENABLED_PLUGINS_FILE"] = _folder["plugins"],
            ["RABBITMQ_CONFIG_FILE"] = _folder["rabbitmq"],
            ["RABBITMQ_CONF_ENV_FILE"] = _folder["environment"],
            ["RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS"] = "+S 1:1",
            ["ERL_EPMD_PORT"] = _epmdPort.ToString(CultureInfo.InvariantCulture),
            ["ERL_EPMD_ADDRESS"] = "127.0.0.1",
        })
        {
            start.Environment[name] = value;
        }

        var node = Process.Start(start)!;
        node.OutputDataReceived += (_, _) => { };
        node.ErrorDataReceived += (_, _) => { };
        node.BeginOutputReadLine();
        node.BeginErrorReadLine();
        return node;
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
