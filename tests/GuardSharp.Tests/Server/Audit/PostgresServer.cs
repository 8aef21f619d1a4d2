using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Npgsql;

namespace GuardSharp.Tests.Server.Audit;

/// <summary>A PostgreSQL server of the system's package, in a folder and on a port of its own. Started when it is first needed.</summary>
public sealed class PostgresServer : IAsyncDisposable
{
    private const string Packages = "/usr/lib/postgresql";

    private readonly TemporaryFolder _folder = new();
    private readonly SemaphoreSlim _gate = new(1, 1);
    private readonly int _port = FreePort();
    private bool _running;

    private string Data => Path.Combine(_folder.Path, "data");

    /// <summary>A connection string of a new, empty database. Skips the test where PostgreSQL is not installed.</summary>
    public async Task<string> NewDatabaseAsync()
    {
        Assert.SkipUnless(FindPrograms() is not null, $"needs PostgreSQL in {Packages} (apt-get install postgresql)");
        Assert.SkipUnless(Environment.UserName != "root" || File.Exists("/usr/sbin/runuser"), "PostgreSQL refuses to run as root, and runuser is missing");
        await StartAsync();
        var name = $"audit_{Guid.NewGuid():n}";
        await using var connection = new NpgsqlConnection(ConnectionString("postgres") + ";Pooling=false");
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand($"CREATE DATABASE {name}", connection);
        await command.ExecuteNonQueryAsync();
        return ConnectionString(name);
    }

    /// <summary>Connects to a database by its name.</summary>
    public string ConnectionString(string database) => $"Host=127.0.0.1;Port={_port};Username=guardsharp;Database={database}";

    /// <summary>Starts the server, again after it was stopped.</summary>
    public async Task StartAsync()
    {
        await _gate.WaitAsync();
        try
        {
            if (_running)
            {
                return;
            }

            if (!Directory.Exists(Data))
            {
                await RunAsync("chown", "postgres", _folder.Path);
                await RunAsync("initdb", "-D", Data, "-A", "trust", "-U", "guardsharp", "-E", "UTF8", "--no-sync");
            }

            await RunAsync("pg_ctl", "-D", Data, "-s", "-w", "-l", Path.Combine(_folder.Path, "log"), "-o", $"-p {_port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={_folder.Path}", "start");
            _running = true;
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Stops the server as a crash does.</summary>
    public async Task CrashAsync()
    {
        await RunAsync("pg_ctl", "-D", Data, "-s", "-m", "immediate", "-w", "stop");
        _running = false;
    }

    public async ValueTask DisposeAsync()
    {
        if (_running)
        {
            await CrashAsync();
        }

        _folder.Dispose();
    }

    private static string? FindPrograms() => Directory.Exists(Packages)
        ? Directory.EnumerateDirectories(Packages).Select(version => Path.Combine(version, "bin")).LastOrDefault(bin => File.Exists(Path.Combine(bin, "initdb")))
        : null;

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    // PostgreSQL's own programs refuse to run as root.
    private static async Task RunAsync(string program, params string[] arguments)
    {
        var isRoot = Environment.UserName == "root";
        if (program == "chown" && !isRoot)
        {
            return;
        }

        var path = program == "chown" ? program : Path.Combine(FindPrograms()!, program);
        var start = isRoot && program != "chown"
            ? new ProcessStartInfo("/usr/sbin/runuser", ["-u", "postgres", "--", path, .. arguments])
            : new ProcessStartInfo(path, arguments);
        // The server keeps the streams it is started with, so nobody must wait for their end.
        start.WorkingDirectory = "/";
        start.RedirectStandardOutput = program == "initdb";
        using var process = Process.Start(start)!;
        var output = program == "initdb" ? await process.StandardOutput.ReadToEndAsync() : "";
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, $"{program} ended with {process.ExitCode} {output}");
    }
}
