using System.Net;
using System.Text;
using GuardSharp.Conversations;
using GuardSharp.Evaluation.Samples;
using GuardSharp.Server.Audit.Recording;
using GuardSharp.Server.Security;

namespace GuardSharp.Tests.Server.Audit;

/// <summary>What reviewers read, label and take away.</summary>
public sealed class ReviewTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_decision_tells_its_verdict_and_not_its_content_unless_stored_and_asked_for()
    {
        await using var host = await StartAsync(("StoreContent", "true"));
        var id = await host.RecordAsync("a private text", isUnsafe: true, caller: "shop");
        var listed = Assert.Single((await host.GetAsync("/v1/audit/decisions")).GetProperty("data").EnumerateArray());
        Assert.Equal(id, listed.GetProperty("id").GetString());
        Assert.Equal("shop", listed.GetProperty("key").GetString());
        Assert.Equal("prompt", listed.GetProperty("task").GetString());
        Assert.True(listed.GetProperty("unsafe").GetBoolean());
        Assert.Equal(0.9, listed.GetProperty("unsafeProbability").GetDouble());
        Assert.Equal(["S1", "S10"], listed.GetProperty("categories").EnumerateArray().Select(code => code.GetString()));
        Assert.Equal(0.25, listed.GetProperty("categoryProbabilities").GetProperty("S1").GetDouble());
        Assert.Equal("tiny@0123456789ab", listed.GetProperty("model").GetString());
        Assert.Equal("mlcommons@0123456789ab", listed.GetProperty("policyVersion").GetString());
        Assert.Equal(12, listed.GetProperty("promptTokens").GetInt32());
        Assert.Equal(7.5, listed.GetProperty("latencyMs").GetDouble());
        Assert.Equal(64, listed.GetProperty("contentHash").GetString()!.Length);
        Assert.DoesNotContain("private", listed.GetRawText(), StringComparison.Ordinal);

        Assert.Contains("a private text", (await host.GetAsync($"/v1/audit/decisions/{id}")).GetProperty("messages").GetRawText(), StringComparison.Ordinal);
        Assert.Contains("a private text", (await host.GetAsync("/v1/audit/decisions?content=true")).GetRawText(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Content_is_stored_nowhere_by_default()
    {
        await using (var host = await StartAsync())
        {
            var id = await host.RecordAsync("a private text");
            Assert.False((await host.GetAsync($"/v1/audit/decisions/{id}")).TryGetProperty("messages", out _));
        }

        foreach (var file in Directory.GetFiles(_folder.Path, "*", SearchOption.AllDirectories))
        {
            Assert.DoesNotContain("private text", File.ReadAllText(file, Encoding.Latin1), StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("", "a b c d")]
    [InlineData("?order=desc", "d c b a")]
    [InlineData("?unsafe=true", "b d")]
    [InlineData("?unsafe=false", "a c")]
    [InlineData("?category=S10", "b d")]
    [InlineData("?category=S100", "")]
    [InlineData("?key=shop", "c d")]
    [InlineData("?model=tiny@0123456789ab", "a b c d")]
    [InlineData("?model=other", "")]
    [InlineData("?labelled=true", "b")]
    [InlineData("?labelled=false", "a c d")]
    [InlineData("?from=2026-01-02T00:00:00Z&before=2026-01-04", "b c")]
    public async Task Decisions_are_found_by_time_verdict_category_key_model_and_label(string query, string expected)
    {
        await using var host = await StartAsync();
        var day = new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
        var names = new Dictionary<string, string>();
        foreach (var (name, index) in "abcd".Select((letter, index) => (letter.ToString(), index)))
        {
            names[await host.RecordAsync(isUnsafe: index % 2 == 1, caller: index < 2 ? "app" : "shop", time: day.AddDays(index))] = name;
        }

        await host.PostAsync($"/v1/audit/decisions/{names.First(pair => pair.Value == "b").Key}/label", new { correct = true });
        var path = $"/v1/audit/decisions{query}{(query.Contains("order", StringComparison.Ordinal) ? "" : query.Length > 0 ? "&order=asc" : "?order=asc")}";
        var page = await host.GetAsync(path);
        Assert.Equal(expected, string.Join(' ', page.GetProperty("data").EnumerateArray().Select(item => names[item.GetProperty("id").GetString()!])));
    }

    [Fact]
    public async Task Pages_follow_each_other_without_a_decision_twice_or_left_out()
    {
        await using var host = await StartAsync();
        var ids = new List<string>();
        for (var i = 0; i < 7; i++)
        {
            ids.Add(await host.RecordAsync());
        }

        var seen = new List<string>();
        for (string? cursor = null, query = "?limit=3"; query is not null; query = cursor is null ? null : $"?limit=3&cursor={cursor}")
        {
            var page = await host.GetAsync("/v1/audit/decisions" + query);
            seen.AddRange(page.GetProperty("data").EnumerateArray().Select(item => item.GetProperty("id").GetString()!));
            cursor = page.GetProperty("hasMore").GetBoolean() ? page.GetProperty("next").GetString() : null;
        }

        Assert.Equal(ids.AsEnumerable().Reverse(), seen);
    }

    [Theory]
    [InlineData("unsafe=maybe", "unsafe")]
    [InlineData("category=everything", "category")]
    [InlineData("limit=0", "limit")]
    [InlineData("limit=201", "limit")]
    [InlineData("cursor=x", "cursor")]
    [InlineData("from=yesterday", "from")]
    [InlineData("order=random", "order")]
    public async Task A_query_that_means_nothing_is_told_what_is_allowed(string query, string name)
    {
        await using var host = await StartAsync();
        var error = await host.GetAsync($"/v1/audit/decisions?{query}", HttpStatusCode.BadRequest);
        Assert.StartsWith(name, error.GetProperty("message").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_latest_label_counts_and_earlier_ones_are_kept()
    {
        await using var host = await StartAsync();
        var id = await host.RecordAsync(isUnsafe: true);
        await host.PostAsync($"/v1/audit/decisions/{id}/label", new { correct = false, note = "irony" });
        await host.PostAsync($"/v1/audit/decisions/{id}/label", new { correct = true, categories = new[] { "S10" } });
        var decision = await host.GetAsync($"/v1/audit/decisions/{id}");
        Assert.True(decision.GetProperty("label").GetProperty("correct").GetBoolean());
        Assert.Equal("reviewer", decision.GetProperty("label").GetProperty("reviewer").GetString());
        Assert.Equal([true, false], decision.GetProperty("labels").EnumerateArray().Select(label => label.GetProperty("correct").GetBoolean()));
        Assert.Equal("irony", decision.GetProperty("labels")[1].GetProperty("note").GetString());
    }

    [Theory]
    [InlineData("""{"categories":["S1"]}""")]
    [InlineData("""{"correct":true,"categories":["violence"]}""")]
    [InlineData("""{"correct":true,"categories":["S1","S1"]}""")]
    [InlineData("""{"correct":false,"categories":["S1"]}""")]
    [InlineData("""{"correct":true,"correct":false}""")]
    [InlineData("""{"correct":true,"sure":1}""")]
    [InlineData("correct")]
    public async Task A_label_that_contradicts_itself_is_refused(string body)
    {
        await using var host = await StartAsync();
        var id = await host.RecordAsync(isUnsafe: true);
        using var content = new StringContent(body, Encoding.UTF8, "application/json");
        using var answer = await host.Client.PostAsync(new Uri($"/v1/audit/decisions/{id}/label", UriKind.Relative), content);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Empty((await host.GetAsync($"/v1/audit/decisions/{id}")).GetProperty("labels").EnumerateArray());
    }

    [Fact]
    public async Task A_decision_that_is_not_there_is_neither_read_nor_labelled()
    {
        await using var host = await StartAsync();
        await host.GetAsync("/v1/audit/decisions/modr-0", HttpStatusCode.NotFound);
        await host.PostAsync("/v1/audit/decisions/modr-0/label", new { correct = true }, HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task The_export_has_every_decision_in_order()
    {
        await using var host = await StartAsync(("StoreContent", "true"));
        var ids = new List<string>();
        for (var i = 0; i < 20; i++)
        {
            ids.Add(await host.RecordAsync($"text {i}"));
        }

        var lines = await host.LinesAsync("/v1/audit/export");
        Assert.Equal(ids, lines.Select(line => line.GetProperty("id").GetString()));
        Assert.DoesNotContain(lines, line => line.TryGetProperty("messages", out _));
        lines = await host.LinesAsync("/v1/audit/export?content=true");
        Assert.Equal("text 19", lines[19].GetProperty("messages")[0].GetProperty("content").GetString());
    }

    [Fact]
    public async Task Labelled_decisions_become_rows_that_the_evaluation_reads()
    {
        await using var host = await StartAsync(("StoreContent", "true"));
        var right = await host.RecordAsync("first", isUnsafe: true);
        var wrong = await host.RecordAsync("second", isUnsafe: true);
        var missed = await host.RecordAsync("third");
        await host.RecordAsync("never labelled");
        await host.PostAsync($"/v1/audit/decisions/{right}/label", new { correct = true });
        await host.PostAsync($"/v1/audit/decisions/{wrong}/label", new { correct = false });
        await host.PostAsync($"/v1/audit/decisions/{missed}/label", new { correct = false, categories = new[] { "S4" } });
        var file = _folder.Write("rows.jsonl", await host.Client.GetStringAsync(new Uri("/v1/audit/training-rows", UriKind.Relative)));
        var samples = SampleReader.Read(file, labelled: true).ToArray();
        Assert.Equal([right, wrong, missed], samples.Select(sample => sample.Id));
        Assert.Equal([true, false, true], samples.Select(sample => sample.Unsafe));
        Assert.Equal(["S1,S10", "", "S4"], samples.Select(sample => string.Join(',', sample.Categories)));
        Assert.All(samples, sample => Assert.Equal("guardsharp-review", sample.Source));
        Assert.Equal(["first", "second", "third"], samples.Select(sample => ((TextPart)sample.Conversation.Turns[0].Parts[0]).Text));
    }

    [Theory]
    [InlineData("/v1/audit/decisions")]
    [InlineData("/v1/audit/decisions/modr-0")]
    [InlineData("/v1/audit/export")]
    [InlineData("/v1/audit/training-rows")]
    [InlineData("/v1/audit/gaps")]
    public async Task Nothing_is_read_without_the_right_to_review(string path)
    {
        await using var host = await AuditHost.StartAsync(AuditHost.Sqlite(_folder), caller: new Caller("app", CallerRights.Classify));
        await host.GetAsync(path, HttpStatusCode.Forbidden);
    }

    [Fact]
    public async Task A_store_that_is_away_is_told_as_such()
    {
        await using var host = await StartAsync();
        host.Faults.Away();
        await host.GetAsync("/v1/audit/gaps", HttpStatusCode.ServiceUnavailable);
        host.Faults.Back();
    }

    [Fact]
    public void Content_is_written_in_the_form_that_conversations_are_read_in()
    {
        var conversation = new Conversation(
        [
            new Turn(Role.System, [new TextPart("be kind \u0000 \ud83d\ude00")]),
            new Turn(Role.User, [new TextPart("look"), new ImagePart(new byte[] { 0x89, 0x50, 0x4E, 0x47 }), new TextPart("")]),
            new Turn(Role.Assistant, [new ToolCallPart("search", """{"q":1}""")]),
            new Turn(Role.Tool, [new TextPart("found")]),
        ]);
        var read = ConversationJson.Read(Encoding.UTF8.GetBytes(ContentJson.Write(conversation)));
        Assert.Equal(conversation.Turns.Select(turn => turn.Role), read.Turns.Select(turn => turn.Role));
        Assert.Equal(Describe(conversation), Describe(read));
    }

    [Fact]
    public void A_hash_tells_conversations_apart_and_needs_the_key()
    {
        var hasher = new ContentHasher([.. Enumerable.Repeat((byte)1, 32)]);
        var text = Conversation.OfUser("hello");
        Assert.Equal(hasher.Hash(text), hasher.Hash(Conversation.OfUser("hello")));
        string[] others =
        [
            new ContentHasher([.. Enumerable.Repeat((byte)2, 32)]).Hash(text),
            hasher.Hash(Conversation.OfUser("hello ")),
            hasher.Hash(new Conversation([Turn.Assistant("hello")])),
            hasher.Hash(new Conversation([new Turn(Role.User, [new TextPart("hel"), new TextPart("lo")])])),
            hasher.Hash(new Conversation([Turn.User("hel"), Turn.User("lo")])),
            hasher.Hash(new Conversation([new Turn(Role.User, [new ImagePart("hello"u8.ToArray())])])),
            hasher.Hash(new Conversation([new Turn(Role.User, [new ToolCallPart("hello", "")])])),
        ];
        Assert.Equal(others.Length + 1, others.Append(hasher.Hash(text)).Distinct().Count());
    }

    [Fact]
    public void The_key_of_hashes_is_made_once()
    {
        var path = _folder["hash.key"];
        var key = ContentHasher.FindKey(null, path);
        Assert.Equal(ContentHasher.KeyBytes, key.Length);
        Assert.Equal(key, ContentHasher.FindKey(null, path));
        File.WriteAllText(path, "short");
        Assert.Throws<GuardSharp.Server.Audit.AuditException>(() => ContentHasher.FindKey(null, path));
    }

    private static List<string> Describe(Conversation conversation) => [.. conversation.Turns.SelectMany(turn => turn.Parts).Select(part => part switch
    {
        TextPart text => "text " + text.Text,
        ImagePart image => "image " + Convert.ToHexString(image.Data.Span),
        ToolCallPart call => $"call {call.Name} {call.Arguments}",
        _ => throw new InvalidOperationException(),
    })];

    private Task<AuditHost> StartAsync(params (string, string)[] settings) => AuditHost.StartAsync(AuditHost.Sqlite(_folder, [("Durability", "BeforeAnswer"), .. settings]));
}
