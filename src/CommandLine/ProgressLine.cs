using System.Globalization;
using GuardSharp.Evaluation.Predictions;

namespace GuardSharp.CommandLine;

/// <summary>One line on standard error that says how far a long run is: bar, share, rate, time left. Nothing where nobody watches.</summary>
/// <param name="terminal">Where it is drawn.</param>
/// <param name="unit">What is counted, such as <c>rows</c>.</param>
/// <param name="clock">Tells the time.</param>
internal sealed class ProgressLine(Terminal terminal, string unit, TimeProvider clock) : IProgress<RowProgress>, IDisposable
{
    private const int BarColumns = 24;

    // A run shorter than the delay stays quiet; ten drawings a second are enough for an eye.
    private static readonly TimeSpan _delay = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan _pause = TimeSpan.FromMilliseconds(100);

    private readonly Lock _gate = new();
    private readonly long _start = clock.GetTimestamp();
    private TimeSpan _drawn = TimeSpan.MinValue;
    private int _columns;
    private long? _first;

    /// <inheritdoc/>
    public void Report(RowProgress value)
    {
        if (!terminal.ErrorIsTerminal)
        {
            return;
        }

        lock (_gate)
        {
            var elapsed = clock.GetElapsedTime(_start);
            _first ??= value.Done;
            if (elapsed < _delay || (elapsed - _pause < _drawn && value.Done < value.Total))
            {
                return;
            }

            _drawn = elapsed;
            Draw(Line(value, elapsed, unit, _first.Value));
        }
    }

    /// <summary>Writes a line of its own, whether or not a person watches.</summary>
    public void Note(string text)
    {
        lock (_gate)
        {
            Draw("");
            terminal.Error.WriteLine(text.ReplaceLineEndings(" "));
            _columns = 0;
        }
    }

    /// <summary>Takes the line away.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            Draw("");
        }
    }

    /// <summary>The line's text.</summary>
    /// <param name="progress">How far the run is.</param>
    /// <param name="elapsed">Since it began.</param>
    /// <param name="unit">What is counted.</param>
    /// <param name="earlier">What was done before it began: it says nothing about the rate.</param>
    public static string Line(RowProgress progress, TimeSpan elapsed, string unit, long earlier = 0)
    {
        var share = progress.Total > 0 ? Math.Clamp((double)progress.Done / progress.Total, 0, 1) : 0;
        var full = (int)(share * BarColumns);
        var rate = (progress.Done - earlier) / Math.Max(elapsed.TotalSeconds, 1e-3);
        var left = progress.Done > earlier ? Span(TimeSpan.FromSeconds((progress.Total - progress.Done) / rate)) : "?";
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{new string('━', full)}{new string('─', BarColumns - full)} {share * 100,3:F0} %  {progress.Done:N0} of {progress.Total:N0} {unit}  {rate:G3} {unit}/s  {left} left");
    }

    private static string Span(TimeSpan time) => time.TotalHours >= 1
        ? string.Create(CultureInfo.InvariantCulture, $"{(int)time.TotalHours} h {time.Minutes:D2} min")
        : time.TotalMinutes >= 1
            ? string.Create(CultureInfo.InvariantCulture, $"{time.Minutes} min {time.Seconds:D2} s")
            : string.Create(CultureInfo.InvariantCulture, $"{Math.Ceiling(time.TotalSeconds)} s");

    private void Draw(string text)
    {
        if (_columns == 0 && text.Length == 0)
        {
            return;
        }

        var line = text.Length < terminal.Width ? text : text[..(terminal.Width - 1)];
        terminal.Error.Write('\r' + line.PadRight(_columns) + (line.Length == 0 ? "\r" : ""));
        terminal.Error.Flush();
        _columns = line.Length;
    }
}
