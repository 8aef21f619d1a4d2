extern alias cli;

using System.Text.Json;
using cli::GuardSharp.CommandLine;
using GuardSharp.Cli;
using GuardSharp.Cli.Measuring;

namespace GuardSharp.Tests.Cli;

public sealed class BenchCommandTests
{
    [Fact]
    public async Task A_run_on_the_default_model_measures_everything_the_document_names()
    {
        var run = await CommandLineRun.OfAsync("bench", "--rounds", "2", "--seconds", "0.05", "--threads", "1", "--json");
        Assert.Equal((0, ""), (run.Code, run.Error));
        var json = run.Json();
        Assert.StartsWith("guardsharp-tiny@", json.GetProperty("model").GetString(), StringComparison.Ordinal);
        Assert.Equal((1, 1), (json.GetProperty("schema").GetInt32(), json.GetProperty("threads").GetInt32()));
        foreach (var section in new[] { "timeToVerdictMilliseconds", "timeToVerdictWithoutCacheMilliseconds" })
        {
            Assert.Equal(
                ["shortText", "longText", "response", "onePicture", "samePicture", "severalPictures"],
                json.GetProperty(section).EnumerateObject().Select(kind => kind.Name));
            Assert.All(json.GetProperty(section).EnumerateObject(), kind => IsMeasured(kind.Value));
        }

        var times = json.GetProperty("timeToVerdictMilliseconds");
        Assert.True(times.GetProperty("longText").GetProperty("promptTokens").GetInt32() > 5 * times.GetProperty("shortText").GetProperty("promptTokens").GetInt32());
        Assert.Equal(5 * times.GetProperty("onePicture").GetProperty("imageTokens").GetInt32(), times.GetProperty("severalPictures").GetProperty("imageTokens").GetInt32());
        Assert.Equal(["batch1", "batch8", "batch32"], json.GetProperty("verdictsPerSecond").EnumerateObject().Select(batch => batch.Name));
        double[] numbers =
        [
            json.GetProperty("prefillTokensPerSecond").GetDouble(), json.GetProperty("decodeTokensPerSecond").GetDouble(), json.GetProperty("peakResidentMegabytes").GetDouble(),
            .. json.GetProperty("startUpMilliseconds").EnumerateObject().Select(part => part.Value.GetDouble()),
            .. json.GetProperty("verdictsPerSecond").EnumerateObject().Where(batch => batch.Value.ValueKind != JsonValueKind.Null).Select(batch => batch.Value.GetDouble()),
        ];
        Assert.All(numbers, number => Assert.True(number > 0));
    }

    [Fact]
    public async Task Without_pictures_a_table_is_drawn_of_texts_alone()
    {
        var run = await CommandLineRun.OfAsync("bench", "--rounds", "1", "--seconds", "0.01", "--threads", "1", "--text-only");
        Assert.Equal((0, ""), (run.Code, run.Error));
        Assert.Contains("time to verdict, ms", run.Out, StringComparison.Ordinal);
        Assert.Contains("verdicts/s", run.Out, StringComparison.Ordinal);
        Assert.DoesNotContain("Picture", run.Out, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--rounds is 0", "--rounds", "0")]
    [InlineData("--seconds is \"soon\"", "--seconds", "soon")]
    [InlineData("--seconds is \"0\"", "--seconds", "0")]
    [InlineData("--threads is -1", "--threads", "-1")]
    [InlineData("There is no folder", "--model", "/none")]
    public async Task What_cannot_be_measured_is_told(string saying, params string[] args) =>
        (await CommandLineRun.OfAsync(["bench", .. args])).IsRefused(saying);

    [Fact]
    public async Task A_stopped_run_prints_nothing()
    {
        using var stop = new CancellationTokenSource(TimeSpan.FromMilliseconds(500));
        using var output = new StringWriter();
        using var error = new StringWriter();
        var terminal = new Terminal(new Lazy<TextReader>(TextReader.Null), output, error, false, false);
        var code = await GuardSharpCommand.RunAsync(["bench", "--seconds", "600", "--rounds", "1000000"], terminal, stop.Token);
        Assert.Equal((130, "", "error: stopped"), (code, output.ToString(), error.ToString().Trim()));
    }

    [Fact]
    public void Percentiles_are_those_of_the_sorted_samples()
    {
        var times = new VerdictTimes([.. Enumerable.Range(1, 40).Select(i => (double)i)], 1, 0);
        Assert.Equal((20.5, 38), (times.P50, times.P95));
        Assert.Equal((7, 7), (new VerdictTimes([7], 1, 0).P50, new VerdictTimes([7], 1, 0).P95));
    }

    [Fact]
    public async Task Sampling_ends_with_the_rounds_or_the_time_but_takes_one()
    {
        var none = CancellationToken.None;
        Assert.Equal([1, 2, 3], await new Sampling(3, 60).TakeAsync(number => Task.FromResult(3.0 - number), none));
        Assert.Single(await new Sampling(1000, 1e-9).TakeAsync(number => Task.FromResult(1.0), none));
    }

    private static void IsMeasured(JsonElement times)
    {
        Assert.InRange(times.GetProperty("p50").GetDouble(), double.Epsilon, times.GetProperty("p95").GetDouble());
        Assert.InRange(times.GetProperty("n").GetInt32(), 1, 2);
    }
}
