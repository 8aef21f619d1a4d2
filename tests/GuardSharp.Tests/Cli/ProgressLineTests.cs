extern alias cli;

using cli::GuardSharp.CommandLine;
using GuardSharp.Evaluation.Predictions;

namespace GuardSharp.Tests.Cli;

public sealed class ProgressLineTests
{
    [Fact]
    public void The_line_says_share_rate_and_time_left() => Assert.Equal(
        "━━━━━━──────────────────  25 %  1,000 of 4,000 rows  100 rows/s  30 s left",
        ProgressLine.Line(new RowProgress(1000, 4000), TimeSpan.FromSeconds(10), "rows"));

    [Fact]
    public void Nothing_is_known_of_the_time_before_the_first_row() =>
        Assert.EndsWith("? left", ProgressLine.Line(new RowProgress(0, 4000), TimeSpan.FromSeconds(10), "rows"));

    [Theory]
    [InlineData(true, 0.5, false)]
    [InlineData(true, 2, true)]
    [InlineData(false, 2, false)]
    public void It_shows_after_a_second_and_only_to_a_person(bool isTerminal, double seconds, bool isShown)
    {
        using var error = new StringWriter();
        var clock = new Clock();
        using var line = new ProgressLine(new Terminal(new Lazy<TextReader>(TextReader.Null), TextWriter.Null, error, isTerminal, isTerminal), "rows", clock);
        clock.Seconds = seconds;
        line.Report(new RowProgress(1, 10));
        Assert.Equal(isShown, error.ToString().Contains("1 of 10 rows", StringComparison.Ordinal));
    }

    private sealed class Clock : TimeProvider
    {
        public double Seconds { get; set; }

        public override long TimestampFrequency => 1000;

        public override long GetTimestamp() => (long)(Seconds * 1000);
    }
}
