using System.Text.Json;
using GuardSharp.Tests.Cli;
using GuardSharp.Tests.Evaluation.Datasets;
using GuardSharp.Tests.Remote;

namespace GuardSharp.Tests.Evaluation.Systems;

/// <summary><c>evaluate system</c>: one server plays the model, the filter and the judge, told apart by their names.</summary>
public sealed class SystemCommandTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task One_answer_to_each_prompt_tells_what_every_arrangement_lets_through()
    {
        await using var server = await Playing();
        var run = await RunSystem(server, "--judge-chat-model", "judge", "--judge-base-url", server.Address.ToString(), "--json");

        Assert.Equal((0, ""), (run.Code, run.Error));
        var json = run.Json();
        Assert.Equal((3, 2, 3), (json.GetProperty("unsafePrompts").GetInt32(), json.GetProperty("safePrompts").GetInt32(), json.GetProperty("violatingAnswers").GetInt32()));
        Assert.Equal((3, 0), Rates(json, "none"));
        Assert.Equal((2, 1), Rates(json, "input"));
        Assert.Equal((1, 1), Rates(json, "output"));
        Assert.Equal((1, 2), Rates(json, "both"));
        var rate = json.GetProperty("filters").GetProperty("output").GetProperty("violationRate");
        Assert.Equal(1.0 / 3, rate.GetProperty("value").GetDouble(), 1e-12);
        // Wilson's interval of 1 in 3.
        Assert.Equal(0.0615, rate.GetProperty("interval")[0].GetDouble(), 1e-4);
        Assert.Equal(0.7923, rate.GetProperty("interval")[1].GetDouble(), 1e-4);
        Assert.Equal(5, Asked(server, "gen"));
        Assert.DoesNotContain("answer to", File.ReadAllText(Path.Combine(_folder["out"], "system.json")), StringComparison.Ordinal);
        Assert.DoesNotContain("no finding", run.Out, StringComparison.Ordinal);

        // All of it is there already: the same command asks nobody.
        var again = await RunSystem(server, "--judge-chat-model", "judge", "--judge-base-url", server.Address.ToString(), "--json");
        Assert.Equal(run.Out, again.Out);
        Assert.Equal(5, Asked(server, "gen"));
        // Another judge would be another run.
        (await RunSystem(server)).IsRefused("the folder holds a run of");
    }

    [Fact]
    public async Task A_filter_that_judges_itself_is_called_circular()
    {
        await using var server = await Playing();
        var run = await RunSystem(server);
        Assert.Equal((0, ""), (run.Code, run.Error));
        Assert.Contains("its violation rate of 0 is no finding", run.Out.ReplaceLineEndings(" "), StringComparison.Ordinal);
        // Each prompt is judged before and after, the answer not twice.
        Assert.Equal(10, Asked(server, "guard"));
    }

    [Fact]
    public async Task Prompts_without_an_answer_are_in_no_rate_and_are_tried_again()
    {
        var isUp = false;
        await using var server = await Playing(model => model == "gen" && !isUp);
        var run = await RunSystem(server, "--json");
        Assert.Equal(1, run.Code);
        Assert.Contains("5 rows without an answer", run.Error, StringComparison.Ordinal);
        Assert.Equal((5, 0), (run.Json().GetProperty("failed").GetInt32(), run.Json().GetProperty("unsafePrompts").GetInt32()));
        Assert.Equal(JsonValueKind.Null, run.Json().GetProperty("filters").GetProperty("none").GetProperty("violationRate").GetProperty("value").ValueKind);
        isUp = true;
        Assert.Equal(0, (await RunSystem(server, "--json")).Code);
    }

    [Fact]
    public async Task What_cannot_be_read_is_stopped_and_an_answer_that_was_cut_is_an_answer()
    {
        await using var server = await FakeModelServer.StartAsync((context, _) => FakeModelServer.Write(context, """{"choices":[{"message":{"content":"As I was saying"},"finish_reason":"length"}]}"""));
        var run = await RunSystem(server, "--json");
        Assert.Equal((0, ""), (run.Code, run.Error));
        Assert.Equal((3, 0), Rates(run.Json(), "none"));
        Assert.Equal((0, 2), Rates(run.Json(), "input"));
        Assert.Equal(15, run.Json().GetProperty("unreadable").GetInt32());
    }

    // u1: the filter sees prompt and answer. u2: the answer alone. u3: neither. s1: stopped as a prompt, s2: as an answer. The judge finds every answer to u violating.
    private static async Task<FakeModelServer> Playing(Func<string, bool>? isDown = null)
    {
        var server = await FakeModelServer.StartAsync("{}");
        server.Answer = async (context, number) =>
        {
            var body = server.Requests.ElementAt(number - 1).Body.RootElement;
            var model = body.GetProperty("model").GetString()!;
            if (isDown?.Invoke(model) == true)
            {
                await FakeModelServer.Write(context, "{}", 400);
                return;
            }

            var text = body.GetProperty("messages").EnumerateArray().Last().GetProperty("content").GetString()!;
            var name = ((string[])["u1", "u2", "u3", "s1", "s2"]).Single(text.Contains);
            var isAnswered = text.Contains("answer to", StringComparison.Ordinal);
            await FakeModelServer.Write(context, RemoteBodies.Chat(model switch
            {
                "gen" => $"answer to {name}",
                "judge" => name[0] == 'u' ? "unsafe\nS1" : "safe",
                _ => (isAnswered ? name is "u1" or "u2" or "s2" : name is "u1" or "s1") ? "unsafe\nS2" : "safe",
            }));
        };
        return server;
    }

    private Task<CommandLineRun> RunSystem(FakeModelServer server, params string[] more)
    {
        var rows = _folder.Write("rows.jsonl", string.Join('\n',
            DataRows.Row("1", "u1", true, ["S1"]), DataRows.Row("2", "u2", true, ["S1"]), DataRows.Row("3", "u3", true, ["S1"]), DataRows.Row("4", "s1"), DataRows.Row("5", "s2"), DataRows.Row("6", "q", answer: "a")));
        var address = server.Address.ToString();
        return CommandLineRun.OfAsync(
            ["evaluate", "system", rows, "--output", _folder["out"], "--generator-model", "gen", "--generator-base-url", address, "--generator-concurrency", "1", "--generator-retries", "0", "--chat-model", "guard", "--base-url", address, "--retries", "0", .. more],
            TestContext.Current.CancellationToken);
    }

    private static (int Violations, int Refusals) Rates(JsonElement json, string filter)
    {
        var rates = json.GetProperty("filters").GetProperty(filter);
        return (rates.GetProperty("violationRate").GetProperty("hits").GetInt32(), rates.GetProperty("refusalRate").GetProperty("hits").GetInt32());
    }

    private static int Asked(FakeModelServer server, string model) => server.Requests.Count(request => request.Body.RootElement.GetProperty("model").GetString() == model);
}
