using System.Globalization;

namespace GuardSharp.CommandLine;

/// <summary>Says on standard error how long something of unknown length has taken, from the second second on. Nothing where nobody watches.</summary>
internal sealed class WaitLine : IDisposable
{
    private readonly Terminal _terminal;
    private readonly string _what;
    private readonly Lock _gate = new();
    private readonly long _start = TimeProvider.System.GetTimestamp();
    private readonly Timer? _timer;
    private int _columns;
    private bool _done;

    /// <param name="terminal">Where it is drawn.</param>
    /// <param name="what">What is going on, such as <c>judging</c>.</param>
    public WaitLine(Terminal terminal, string what)
    {
        (_terminal, _what) = (terminal, what);
        _timer = terminal.ErrorIsTerminal ? new Timer(_ => Draw(), null, TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(1)) : null;
    }

    /// <summary>Takes the line away.</summary>
    public void Dispose()
    {
        _timer?.Dispose();
        lock (_gate)
        {
            _done = true;
            if (_columns > 0)
            {
                _terminal.Error.Write('\r' + new string(' ', _columns) + '\r');
            }
        }
    }

    private void Draw()
    {
        lock (_gate)
        {
            if (!_done)
            {
                var line = string.Create(CultureInfo.InvariantCulture, $"{_what} {TimeProvider.System.GetElapsedTime(_start).TotalSeconds:F0} s (Ctrl-C stops)");
                _terminal.Error.Write('\r' + line);
                _columns = Math.Max(_columns, line.Length);
            }
        }
    }
}
