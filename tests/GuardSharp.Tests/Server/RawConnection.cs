using System.Net.Sockets;
using System.Text;

namespace GuardSharp.Tests.Server;

/// <summary>A connection that sends what no client would.</summary>
internal sealed class RawConnection : IDisposable
{
    private readonly TcpClient _client = new();

    /// <summary>Connects.</summary>
    public static async Task<RawConnection> OpenAsync(TestServer server)
    {
        var connection = new RawConnection();
        await connection._client.ConnectAsync(server.Client.BaseAddress!.Host, server.Client.BaseAddress.Port, TestContext.Current.CancellationToken);
        return connection;
    }

    /// <summary>Sends text; a server that has hung up already is no error.</summary>
    public async Task SendAsync(string text)
    {
        try
        {
            await _client.GetStream().WriteAsync(Encoding.UTF8.GetBytes(text), TestContext.Current.CancellationToken);
        }
        catch (IOException)
        {
        }
    }

    /// <summary>Everything that comes back until the server hangs up.</summary>
    public async Task<string> ReadToEndAsync()
    {
        var all = new StringBuilder();
        var buffer = new byte[4096];
        try
        {
            while (await _client.GetStream().ReadAsync(buffer, TestContext.Current.CancellationToken) is > 0 and var read)
            {
                all.Append(Encoding.UTF8.GetString(buffer, 0, read));
            }
        }
        catch (IOException)
        {
            // It may hang up in the middle of what we send.
        }

        return all.ToString();
    }

    /// <summary>The next piece that comes back.</summary>
    public async Task<string> ReadSomeAsync()
    {
        var buffer = new byte[4096];
        return Encoding.UTF8.GetString(buffer, 0, await _client.GetStream().ReadAsync(buffer, TestContext.Current.CancellationToken));
    }

    public void Dispose()
    {
        if (_client.Client is { } socket)
        {
            // Leaves at once, as a process that was killed.
            socket.LingerState = new LingerOption(true, 0);
        }

        _client.Dispose();
    }
}
