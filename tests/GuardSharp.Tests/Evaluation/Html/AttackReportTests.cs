using GuardSharp.Evaluation.Attacks;
using GuardSharp.Evaluation.Html;
using GuardSharp.Tests.Cli;
using GuardSharp.Tests.Server;
using GuardSharp.Tests.Server.Page;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace GuardSharp.Tests.Evaluation.Html;

/// <summary>The report of attacks as a person opens it.</summary>
public sealed class AttackReportTests(Browser browser) : IClassFixture<Browser>, IDisposable
{
    private const string Suffix = "</p></details><script>document.title='run'</script> describing.\\ + similarlyNow\u202E";

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(ColorScheme.Light, 1280)]
    [InlineData(ColorScheme.Dark, 390)]
    public async Task It_shows_the_table_and_rows_before_and_after(ColorScheme colours, int width)
    {
        var run = await CommandLineRun.OfAsync("attack", "report", Pictures(), Suffixes(), "--output", _folder["attacks.html"]);
        Assert.Equal((0, "", _folder["attacks.html"]), (run.Code, run.Error, run.Out.Trim()));
        await using var open = await browser.OpenFileAsync(_folder["attacks.html"], colours, width);
        var page = open.Page;
        await Expect(page.Locator("#attack0 ~ .scroll").First).ToContainTextAsync("epsilon 8/255");
        await Expect(page.Locator("#attack0 ~ .scroll").First).ToContainTextAsync("50.0 % (4)");
        Assert.Equal(width, await page.EvaluateAsync<int>("document.documentElement.scrollWidth"));
        var row = page.Locator("details").Filter(new() { HasText = "epsilon 8/255" }).First;
        await Expect(row.Locator("img").First).ToBeHiddenAsync();
        await row.Locator("summary").ClickAsync();
        Assert.Equal(["before", "difference, amplified", "after"], await row.Locator(".pictures figcaption").AllTextContentsAsync());
        Assert.Equal(3, await row.Locator("img").CountAsync());
        await Expect(row.Locator("svg")).ToBeVisibleAsync();
        var text = page.Locator("details").Filter(new() { HasText = "suffix on the prompt" }).First;
        await Expect(text.Locator(".turn p")).ToBeHiddenAsync();
        await text.Locator("summary").ClickAsync();
        await Expect(text.Locator(".turn p")).ToHaveTextAsync(Suffix.Replace("\u202E", "[U+202E]", StringComparison.Ordinal));
        Assert.Equal("Attacks", await page.TitleAsync());
        await open.ScreenshotAsync($"attacks-{colours.ToString().ToLowerInvariant()}-{width}", whole: true);
        Assert.Empty(open.Complaints);
    }

    [Fact]
    public void A_file_outside_the_folder_is_never_shown_and_content_can_be_left_out()
    {
        var secret = _folder["secret.png"];
        File.Copy(TestPicture.Path, secret);
        var folder = Write("stray", "pgd", [Result("a", "epsilon 8/255", 0) with { OriginalPicture = "../secret.png", AttackedPicture = secret }]);
        AttackReport.Write(_folder["stray.html"], [folder], new PageOptions(), DateTimeOffset.UnixEpoch);
        var html = File.ReadAllText(_folder["stray.html"]);
        Assert.Equal(3, html.Split("the picture lies outside the folder").Length);
        Assert.DoesNotContain("<img", html, StringComparison.Ordinal);
        AttackReport.Write(_folder["none.html"], [Suffixes()], new PageOptions { Texts = false }, DateTimeOffset.UnixEpoch);
        Assert.DoesNotContain("similarlyNow", File.ReadAllText(_folder["none.html"]), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_folder_without_a_finished_attack_is_refused()
    {
        Directory.CreateDirectory(_folder["empty"]);
        (await CommandLineRun.OfAsync("attack", "report", _folder["empty"], "--output", _folder["x.html"])).IsRefused("not the summary of an attack that came to its end");
        Assert.False(File.Exists(_folder["x.html"]));
    }

    private string Pictures() => Write("pgd", "pgd", [.. ((string[])["epsilon 0/255", "epsilon 8/255"]).SelectMany((setting, strength) => Enumerable.Range(0, 8).Select(row => Result($"row {row}", setting, strength * row)))], pictures: true);

    private string Suffixes() => Write("gcg", "gcg", [.. Enumerable.Range(0, 4).Select(row => Result($"row {row}", "suffix on the prompt", row + 3) with { Text = Suffix })]);

    // The higher the row's number the better the attack: from 4 on it succeeds.
    private static AttackResult Result(string id, string setting, int strength) => new()
    {
        Id = id,
        Setting = setting,
        Task = "prompt",
        Before = 0.9,
        SafeBefore = false,
        After = 0.9 - (0.11 * strength),
        SafeAfter = strength >= 4,
        Curve = [.. Enumerable.Range(0, 20).Select(step => 0.9 - (0.11 * strength * step / 19))],
        Queries = 20,
    };

    private string Write(string name, string attack, AttackResult[] results, bool pictures = false)
    {
        using var folder = AttackFolder.Open(_folder[name], new AttackSummary(attack, "guard@0", "rows.jsonl", 0.5, new Dictionary<string, string> { ["steps"] = "20", ["note"] = "<b>x</b>" }, []));
        foreach (var result in results)
        {
            var picture = pictures ? folder.WritePicture($"{result.Setting}-{result.Id}.png", TestPicture.Bytes) : result.OriginalPicture;
            folder.Add(pictures ? result with { OriginalPicture = picture, AttackedPicture = picture, DifferencePicture = picture } : result);
        }

        folder.Finish();
        return _folder[name];
    }
}
