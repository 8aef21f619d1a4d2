using System.Net;
using System.Text.Json;
using System.Text.RegularExpressions;
using GuardSharp.Server.Security;
using GuardSharp.Tests.Imaging;
using Microsoft.Extensions.Logging;
using SkiaSharp;

namespace GuardSharp.Tests.Server.Telemetry;

public sealed partial class MetricsTests
{
    private const string Path = "/v1/guard/classify";
    private const string Secret = "xyzzy-marker-of-this-test";

    [Fact]
    public async Task The_dashboard_asks_only_for_metrics_that_a_running_server_has()
    {
        var key = ApiKeys.Create();
        var hasty = ApiKeys.Create();
        using var folder = new TemporaryFolder();
        await using var server = await TestServer.StartAsync(
            ("GuardSharp:Keys:all:Sha256", ApiKeys.HashOf(key)), ("GuardSharp:Keys:all:Rights", "Classify, Metrics"),
            ("GuardSharp:Audit:Path", folder["audit.db"]), ("GuardSharp:Audit:Durability", "BeforeAnswer"),
            ("GuardSharp:Keys:hasty:Sha256", ApiKeys.HashOf(hasty)), ("GuardSharp:Keys:hasty:RequestsPerMinute", "1"), ("GuardSharp:Keys:hasty:Burst", "1"));
        await WorkAsync(server, key);
        while ((await server.GetAsync("/v1/models", hasty)).Status == HttpStatusCode.OK)
        {
        }

        var metrics = await ScrapeAsync(server, key);
        var names = Names().Matches(metrics).Select(match => match.Value).ToHashSet();
        using var dashboard = JsonDocument.Parse(File.ReadAllText(System.IO.Path.Combine(TestFiles.Root, "deploy", "grafana", "guardsharp.json")));
        var queries = dashboard.RootElement.GetProperty("panels").EnumerateArray()
            .SelectMany(panel => panel.GetProperty("targets").EnumerateArray()).Select(target => target.GetProperty("expr").GetString()!).ToList();
        Assert.True(queries.Count > 20);
        Assert.All(queries, query => Assert.NotEmpty(Metrics().Matches(query)));
        Assert.DoesNotContain(queries.SelectMany(query => Metrics().Matches(query)).Select(match => match.Value), name => !names.Contains(name));
        // And the other way round: no metric of ours is nobody's business.
        Assert.DoesNotContain(names, name => name.StartsWith("guardsharp_", StringComparison.Ordinal) && !queries.Exists(query => query.Contains(Stem(name), StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Content_is_in_no_metric_and_no_log_line()
    {
        var log = new RecordedLog();
        await using var server = await TestServer.StartAsync(builder =>
        {
            builder.Logging.SetMinimumLevel(LogLevel.Trace);
            builder.Logging.AddProvider(log);
        });
        foreach (var json in new[] { Message(Secret), $$"""{"messages":[{"role":"{{Secret}}","content":"x"}]}""", $$"""{"{{Secret}}":1}""", $$"""{"messages":"{{Secret}}" "broken" """, $$"""{"model":"m","policy":{"name":"{{Secret}}"},"messages":[]}""" })
        {
            await server.PostAsync(Path, json);
        }

        Assert.Contains("guardsharp_server_verdicts_total", await ScrapeAsync(server));
        Assert.DoesNotContain(Secret, await ScrapeAsync(server));
        Assert.NotEmpty(log.Lines);
        Assert.DoesNotContain(log.Lines, line => line.Contains(Secret, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Content_is_logged_where_that_is_switched_on()
    {
        var log = new RecordedLog();
        await using var server = await TestServer.StartAsync(
            builder =>
            {
                builder.Logging.SetMinimumLevel(LogLevel.Debug);
                builder.Logging.AddProvider(log);
            },
            ("GuardSharp:LogContent", "true"));
        await server.PostAsync(Path, Message(Secret));
        Assert.Contains(log.Lines, line => line.Contains(Secret, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Metrics_need_their_right_once_there_are_keys()
    {
        var key = ApiKeys.Create();
        await using var server = await TestServer.StartAsync(("GuardSharp:Keys:all:Sha256", ApiKeys.HashOf(key)));
        Assert.Equal(HttpStatusCode.Unauthorized, (await server.GetAsync("/metrics")).Status);
        Assert.Equal(HttpStatusCode.Forbidden, (await server.GetAsync("/metrics", key)).Status);
    }

    private static string Message(string text) => $$"""{"messages":[{"role":"user","content":"{{text}}"}]}""";

    // One of everything: safe, unsafe, a picture, an error.
    private static async Task WorkAsync(TestServer server, string key)
    {
        await server.PostAsync(Path, """{"messages":[{"role":"user","content":"hello"}],"threshold":1}""", key);
        await server.PostAsync(Path, """{"messages":[{"role":"user","content":"hello"}],"threshold":0}""", key);
        await server.PostAsync(Path, """{"messages":[{"role":"user","content":"hello"}],"categoryThresholds":{"S1":1e-9}}""", key);
        await server.PostAsync(Path, "{}", key);
        var png = Convert.ToBase64String(Pictures.Noise(40, 30, 1).Encode(SKEncodedImageFormat.Png));
        var (status, _) = await server.PostAsync(Path, $$$"""{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,{{{png}}}"}},{"type":"text","text":"what is this"}]}]}""", key);
        Assert.Equal(HttpStatusCode.OK, status);
    }

    private static async Task<string> ScrapeAsync(TestServer server, string? key = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/metrics");
        request.Headers.Authorization = key is null ? null : new("Bearer", key);
        using var response = await server.Client.SendAsync(request, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        return await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
    }

    // A histogram is one metric of three.
    private static string Stem(string name) => name.Replace("_bucket", "", StringComparison.Ordinal).Replace("_sum", "", StringComparison.Ordinal).Replace("_count", "", StringComparison.Ordinal);

    [GeneratedRegex("^[a-z][a-z0-9_]+(?=[{ ])", RegexOptions.Multiline)]
    private static partial Regex Names();

    [GeneratedRegex("(guardsharp|http|dotnet|kestrel)_[a-z0-9_]+(?=[{])")]
    private static partial Regex Metrics();
}
