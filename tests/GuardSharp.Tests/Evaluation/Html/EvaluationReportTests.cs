using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using GuardSharp.Evaluation;
using GuardSharp.Evaluation.Html;
using GuardSharp.Evaluation.Reports;
using GuardSharp.Tests.Server;
using GuardSharp.Tests.Server.Page;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace GuardSharp.Tests.Evaluation.Html;

/// <summary>report.html as a person opens it.</summary>
public sealed partial class EvaluationReportTests(Browser browser) : IClassFixture<Browser>, IDisposable
{
    private const string Hostile = "</p></div></details><script>document.title='run'</script><img src=x onerror=\"document.title='run'\">\u202Egnp\u2066";

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(ColorScheme.Light, 1280)]
    [InlineData(ColorScheme.Dark, 1280)]
    [InlineData(ColorScheme.Light, 390)]
    public async Task It_opens_without_a_complaint_a_request_or_a_script(ColorScheme colours, int width)
    {
        await using var open = await browser.OpenFileAsync(Write(Rows(200)), colours, width);
        var page = open.Page;
        Assert.StartsWith("guard@0 on rows.jsonl", await page.TitleAsync(), StringComparison.Ordinal);
        Assert.Equal(8, await page.Locator("figure svg[role=img]").CountAsync());
        Assert.Equal(0, await page.Locator("script").CountAsync());
        // The page itself never scrolls sideways, on a phone either: wide tables do, each in a box of its own.
        Assert.Equal(width, await page.EvaluateAsync<int>("document.documentElement.scrollWidth"));
        await open.ScreenshotAsync($"report-{colours.ToString().ToLowerInvariant()}-{width}", whole: true);
        Assert.Empty(open.Complaints);
    }

    [Fact]
    public async Task Texts_and_pictures_show_when_they_are_opened_and_never_run()
    {
        await using var open = await browser.OpenFileAsync(Write(Rows(40)));
        var page = open.Page;
        var alarm = page.Locator("details").Filter(new() { HasText = "hostile" }).First;
        await Expect(alarm.Locator(".turn p")).ToBeHiddenAsync();
        await alarm.Locator("summary").ClickAsync();
        await Expect(alarm.Locator(".turn p")).ToHaveTextAsync(Hostile.Replace("\u202E", "[U+202E]", StringComparison.Ordinal).Replace("\u2066", "[U+2066]", StringComparison.Ordinal));
        var miss = page.Locator("details").Filter(new() { HasText = "picture-row" });
        await Expect(miss.Locator("img")).ToBeHiddenAsync();
        await miss.Locator("summary").ClickAsync();
        await Expect(miss.Locator("img")).ToBeVisibleAsync();
        Assert.True(await miss.Locator("img").EvaluateAsync<bool>("image => image.complete && image.naturalWidth > 0"));
        Assert.NotEqual("run", await page.TitleAsync());
        Assert.Empty(open.Complaints);
    }

    [Fact]
    public void Texts_can_be_left_out()
    {
        var html = File.ReadAllText(Write(Rows(20), page => page with { Texts = false }));
        Assert.DoesNotContain("text 1", html, StringComparison.Ordinal);
        Assert.DoesNotContain("<img", html, StringComparison.Ordinal);
        Assert.DoesNotContain("<details", html, StringComparison.Ordinal);
    }

    [Fact]
    public void As_many_mistakes_show_as_were_asked_for_the_surest_first()
    {
        var html = File.ReadAllText(Write(Rows(200), page => page with { Mistakes = 3 }));
        var shown = Entry().Matches(html).Select(match => double.Parse(match.Groups["p"].Value, CultureInfo.InvariantCulture)).ToList();
        Assert.Equal(6, shown.Count);
        Assert.Equal(shown[..3].OrderDescending(), shown[..3]);
        Assert.Equal(shown[3..].Order(), shown[3..]);
        Assert.True(shown[2] > 0.5 && shown[5] < 0.5);
        Assert.Throws<GuardException>(() => Write(Rows(4), page => page with { Mistakes = 101 }));
    }

    [Fact]
    public void No_two_parts_of_the_page_share_an_id_and_no_colour_is_left_out()
    {
        var html = File.ReadAllText(Write(Rows(100)));
        var ids = Id().Matches(html).Select(match => match.Groups["id"].Value).ToList();
        Assert.Equal(ids.Distinct().Order(), ids.Order());
        Assert.All(Reference().Matches(html), match => Assert.Contains(match.Groups["id"].Value, ids));
        Assert.DoesNotContain("#010203", html, StringComparison.Ordinal);
        Assert.DoesNotContain("rgb(1", html, StringComparison.Ordinal);
        Assert.DoesNotContain("http://www.w3.org/1999/xlink\" xlink:href=\"http", html, StringComparison.Ordinal);
    }

    [Fact]
    public void Rows_of_one_class_give_a_page_of_what_is_defined()
    {
        var html = File.ReadAllText(Write([Row("a", true, "text", ["S5"])]));
        Assert.DoesNotContain("NaN", html, StringComparison.Ordinal);
        Assert.DoesNotContain("Infinity", html, StringComparison.Ordinal);
        Assert.DoesNotContain("<b>ROC</b>", html, StringComparison.Ordinal);
        Assert.Contains("not defined", html, StringComparison.Ordinal);
        Assert.Contains("S5 Defamation", html, StringComparison.Ordinal);
    }

    private static IEnumerable<object> Rows(int count)
    {
        string[] languages = ["en", "de", "th"];
        for (var i = 0; i < count - 2; i++)
        {
            string[] codes = i % 3 == 0 ? [$"S{1 + (i % 13)}"] : [];
            yield return Row($"r{i}", i % 3 == 0, $"text {i}", codes, languages[i % languages.Length]);
        }

        yield return Row("hostile</summary><script>document.title='run'</script>", false, Hostile, [], "en", "<script>source</script>");
        yield return Row("picture-row", true, new object[] { new { type = "image", path = "p.png" }, new { type = "text", text = "What is it?" } }, ["S2"]);
    }

    private static object Row(string id, bool isUnsafe, object content, string[] codes, string language = "en", string source = "s") =>
        new { id, messages = new[] { new { role = "user", content } }, @unsafe = isUnsafe, categories = codes, language, source };

    private string Write(IEnumerable<object> rows, Func<PageOptions, PageOptions>? change = null)
    {
        File.Copy(TestPicture.Path, _folder["p.png"], overwrite: true);
        var lines = rows.Select(row => JsonSerializer.SerializeToElement(row)).ToList();
        var samples = _folder.Write("rows.jsonl", string.Join('\n', lines.Select(line => line.GetRawText())));
        var predictions = _folder.Write("predictions.jsonl", string.Join('\n', lines.Select(Predict)));
        var facts = new ReportFacts(new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero)) { Page = new PageOptions { Mistakes = 20 } };
        var result = Evaluator.Measure(samples, predictions, new ReportOptions(50)) with { Model = "guard@0" };
        result = result with { Rows = [.. result.Rows.Select((row, index) => row with { Milliseconds = 1 + (index % 9) })] };
        EvaluationReport.Write(_folder["report.html"], result, facts with { Page = change?.Invoke(facts.Page) ?? facts.Page });
        return _folder["report.html"];
    }

    // Wrong at every seventh row, and at the two that carry something.
    private static string Predict(JsonElement row, int index)
    {
        var truth = row.GetProperty("unsafe").GetBoolean();
        var isSpecial = row.GetProperty("id").GetString()![0] is 'h' or 'p';
        var says = truth ^ (isSpecial || index % 7 == 0);
        var p = isSpecial ? (says ? 0.999 : 0.001) : says ? 0.55 + (0.4 * (index % 11) / 11) : 0.05 + (0.4 * (index % 13) / 13);
        return JsonSerializer.Serialize(new { id = row.GetProperty("id").GetString(), @unsafe = says, unsafeProbability = p, categories = says ? row.GetProperty("categories").EnumerateArray().Select(code => code.GetString()).ToArray() : [] });
    }

    [GeneratedRegex("<summary><b>(?<p>[0-9.]+)</b>")]
    private static partial Regex Entry();

    [GeneratedRegex("\\bid=\"(?<id>[^\"]+)\"")]
    private static partial Regex Id();

    [GeneratedRegex("url\\(#(?<id>[^)]+)\\)|href=\"#(?<id>[^\"]+)\"")]
    private static partial Regex Reference();
}
