using System.Text.Json;
using GuardSharp.Tests.Remote;
using GuardSharp.Tests.Server;

namespace GuardSharp.Tests.Cli;

/// <summary><c>evaluate</c> on guards behind servers: their faults cost time, never safety.</summary>
public sealed class EvaluateGuardsTests : IDisposable
{
    private const int Rows = 12;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_chat_model_is_measured_and_what_it_refuses_to_say_counts_as_unsafe()
    {
        await using var server = await Answering(number => number % 4 == 0 ? "I'm sorry, I can't." : number % 4 == 1 ? "unsafe\nS1" : "safe");
        var run = await CommandLineRun.OfAsync([.. Evaluate(), "--chat-model", "gpt", "--base-url", server.Address.ToString(), "--concurrency", "1", "--batch", "1", "--json"], TestContext.Current.CancellationToken);
        Assert.Equal((0, ""), (run.Code, run.Error));
        var overall = run.Json().GetProperty("overall");
        // Rows 0, 4 and 8 are refused, 1, 5 and 9 unsafe, and every third from 0 on truly is.
        Assert.Equal((2, 4, 2, 4), (Int(overall, "tp"), Int(overall, "fp"), Int(overall, "fn"), Int(overall, "tn")));
        Assert.Equal("gpt (zero shot)", run.Json().GetProperty("model").GetString());
        var notes = string.Join('\n', run.Json().GetProperty("notes").EnumerateArray().Select(note => note.GetString()));
        Assert.Contains("3 of 12 answers were neither safe nor unsafe", notes, StringComparison.Ordinal);
        Assert.Contains("Every P(unsafe) is 0 or 1", notes, StringComparison.Ordinal);
        Assert.Contains("3 of 12 answers", File.ReadAllText(Path.Combine(_folder["out"], "report.html")), StringComparison.Ordinal);
        Assert.Equal(3, File.ReadLines(Path.Combine(_folder["out"], "predictions.jsonl")).Count(line => line.Contains("\"unreadable\":true", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task A_server_that_vanishes_ends_the_run_and_the_same_command_goes_on_without_asking_twice()
    {
        var isUp = false;
        var asked = 0;
        await using var server = await FakeModelServer.StartAsync(async (context, number) =>
        {
            if (!isUp && number > 5)
            {
                context.Abort();
                return;
            }

            Interlocked.Increment(ref asked);
            await FakeModelServer.Write(context, RemoteBodies.Chat("safe", ("safe", [("safe", 0.75), ("unsafe", 0.25)])));
        });
        string[] command = [.. Evaluate(), "--chat-model", "gpt", "--base-url", server.Address.ToString(), "--batch", "2", "--concurrency", "1", "--retries", "0"];
        var broken = await CommandLineRun.OfAsync(command, TestContext.Current.CancellationToken);
        Assert.Equal(2, broken.Code);
        Assert.Contains("the connection broke", broken.Error, StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(_folder["out"], "predictions.jsonl")));
        isUp = true;
        var whole = await CommandLineRun.OfAsync([.. command, "--json"], TestContext.Current.CancellationToken);
        Assert.Equal((0, ""), (whole.Code, whole.Error));
        // Two whole batches were kept; of the third one row had been answered, and is asked about again.
        Assert.Equal(Rows + 1, asked);
        Assert.Equal(Rows, Int(whole.Json().GetProperty("overall"), "n"));
        Assert.All(File.ReadLines(Path.Combine(_folder["out"], "predictions.jsonl")), line => Assert.Contains("\"unsafeProbability\":0.25", line, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_busy_server_is_asked_again_and_a_wrong_one_is_given_up()
    {
        await using var busy = await FakeModelServer.StartAsync((context, number) =>
        {
            context.Response.Headers.RetryAfter = "0";
            return FakeModelServer.Write(context, number % 2 == 1 ? "{}" : RemoteBodies.Chat("safe"), number % 2 == 1 ? 429 : 200);
        });
        var run = await CommandLineRun.OfAsync([.. Evaluate(), "--chat-model", "gpt", "--base-url", busy.Address.ToString(), "--concurrency", "1"], TestContext.Current.CancellationToken);
        Assert.Equal((0, "", 2 * Rows), (run.Code, run.Error, busy.Count));

        await using var wrong = await Answering(_ => "Hello! How can I help you?");
        var rows = _folder.Write("many.jsonl", Lines(40));
        (await CommandLineRun.OfAsync("evaluate", rows, "--output", _folder["wrong"], "--chat-model", "gpt", "--base-url", wrong.Address.ToString(), "--batch", "8")).IsRefused("20 answers in a row were neither safe nor unsafe");
    }

    [Fact]
    public async Task Every_kind_of_server_can_stand_in_the_place_of_a_model()
    {
        await using var scripted = new ScriptedGuard((_, _, _) => Task.FromResult(ScriptedGuard.Verdict(0.8)));
        await using var server = await TestServer.StartAsync(scripted);
        await using var llama = await FakeModelServer.StartAsync(RemoteBodies.Chat("\n\nunsafe\nS1", ("\n\n", [("\n\n", 1)]), ("unsafe", [("unsafe", 0.8), ("safe", 0.2)]), ("\n", [("\n", 1)]), ("S1", [("S1", 1)]), ("", [("", 1)])));
        var address = server.Client.BaseAddress!.ToString();
        foreach (var (name, options) in ((string, string[])[])[("m", ["--moderations", address]), ("s", ["--server", address]), ("r", ["--remote-guard", "llama", "--base-url", llama.Address.ToString()])])
        {
            var run = await CommandLineRun.OfAsync(["evaluate", RowsFile(), "--output", _folder[name], "--resamples", "20", "--json", .. options], TestContext.Current.CancellationToken);
            Assert.Equal((0, ""), (run.Code, run.Error));
            Assert.Equal((4, 8), (Int(run.Json().GetProperty("overall"), "tp"), Int(run.Json().GetProperty("overall"), "fp")));
        }
    }

    [Fact]
    public async Task Options_that_contradict_each_other_are_refused()
    {
        (await CommandLineRun.OfAsync([.. Evaluate(), "--chat-model", "a", "--server", "http://localhost:1"], TestContext.Current.CancellationToken)).IsRefused("Give one of --chat-model and --server");
        (await CommandLineRun.OfAsync([.. Evaluate(), "--chat-model", "a"], TestContext.Current.CancellationToken)).IsRefused("--base-url must be an http or https address");
        (await CommandLineRun.OfAsync([.. Evaluate(), "--moderations", "file:///etc/passwd"], TestContext.Current.CancellationToken)).IsRefused("--moderations must be an http or https address");
    }

    private static Task<FakeModelServer> Answering(Func<int, string> answer) => FakeModelServer.StartAsync((context, number) =>
        FakeModelServer.Write(context, RemoteBodies.Chat(answer(TextNumber(number)))));

    // With one request at a time the rows come in their order.
    private static int TextNumber(int number) => number - 1;

    private string[] Evaluate() => ["evaluate", RowsFile(), "--output", _folder["out"], "--resamples", "20"];

    private string RowsFile() => _folder.Write("rows.jsonl", Lines(Rows));

    private static string Lines(int count) => string.Concat(Enumerable.Range(0, count).Select(i =>
        JsonSerializer.Serialize(new { id = $"r{i}", messages = new[] { new { role = "user", content = $"text {i}" } }, @unsafe = i % 3 == 0, source = "s", language = "en" }) + "\n"));

    private static int Int(JsonElement group, string name) => group.GetProperty(name).GetInt32();
}
