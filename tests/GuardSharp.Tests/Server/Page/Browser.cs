using Microsoft.Playwright;

namespace GuardSharp.Tests.Server.Page;

/// <summary>Debian's Chromium without a window, shared by the tests of a class. Where there is none, tests skip.</summary>
public sealed class Browser : IAsyncLifetime
{
    private static readonly string[] _programs = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

    private IPlaywright? _playwright;
    private IBrowser? _browser;

    public async ValueTask InitializeAsync()
    {
        if (_programs.FirstOrDefault(File.Exists) is not { } program)
        {
            return;
        }

        _playwright = await Playwright.CreateAsync();
        _browser = await _playwright.Chromium.LaunchAsync(new BrowserTypeLaunchOptions
        {
            ExecutablePath = program,
            // Sandboxes need rights that containers and root do not have; the browser sees our own page alone.
            Args = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
        });
    }

    /// <summary>Opens a page of a server. Whatever the page complains about, or asks of others, is collected.</summary>
    public async Task<OpenPage> OpenAsync(TestServer server, ColorScheme colours = ColorScheme.Light)
    {
        Assert.SkipWhen(_browser is null, $"no browser: none of {string.Join(", ", _programs)} is there (Debian: apt-get install chromium)");
        var context = await _browser.NewContextAsync(new BrowserNewContextOptions { ColorScheme = colours, ViewportSize = new ViewportSize { Width = 1280, Height = 1000 } });
        var page = new OpenPage(context, await context.NewPageAsync());
        page.Watch(server.Client.BaseAddress!);
        await page.Page.GotoAsync(server.Client.BaseAddress!.ToString());
        return page;
    }

    /// <summary>Opens a page that is one file. It may ask nothing of anyone.</summary>
    public async Task<OpenPage> OpenFileAsync(string path, ColorScheme colours = ColorScheme.Light, int width = 1280)
    {
        Assert.SkipWhen(_browser is null, $"no browser: none of {string.Join(", ", _programs)} is there (Debian: apt-get install chromium)");
        var context = await _browser.NewContextAsync(new BrowserNewContextOptions { ColorScheme = colours, ViewportSize = new ViewportSize { Width = width, Height = 1000 } });
        var (page, address) = (new OpenPage(context, await context.NewPageAsync()), new Uri(path));
        page.Watch(address);
        page.Page.Request += (_, request) =>
        {
            if (!request.Url.StartsWith("data:", StringComparison.Ordinal) && request.Url != address.AbsoluteUri)
            {
                page.Complaints.Add("asks for another file");
            }
        };
        await page.Page.GotoAsync(address.AbsoluteUri);
        return page;
    }

    public async ValueTask DisposeAsync()
    {
        if (_browser is not null)
        {
            await _browser.CloseAsync();
        }

        _playwright?.Dispose();
    }
}

/// <summary>A page in a browser of its own.</summary>
public sealed class OpenPage(IBrowserContext context, IPage page) : IAsyncDisposable
{
    /// <summary>The page.</summary>
    public IPage Page { get; } = page;

    /// <summary>What it complained about: errors of scripts, refused content, requests to others.</summary>
    public List<string> Complaints { get; } = [];

    /// <summary>Collects complaints.</summary>
    /// <param name="own">The only server it may ask.</param>
    public void Watch(Uri own)
    {
        Page.Console += (_, message) =>
        {
            if (message.Type is "error" or "warning")
            {
                Complaints.Add(message.Text);
            }
        };
        Page.PageError += (_, error) => Complaints.Add(error);
        Page.Request += (_, request) =>
        {
            var url = new Uri(request.Url);
            if (url.Scheme != "data" && url.Authority != own.Authority)
            {
                Complaints.Add($"asks {url.Authority}");
            }
        };
    }

    /// <summary>Saves what it looks like where GUARDSHARP_SCREENSHOTS names a folder.</summary>
    public async Task ScreenshotAsync(string name, bool whole = false)
    {
        if (Environment.GetEnvironmentVariable("GUARDSHARP_SCREENSHOTS") is { Length: > 0 } folder)
        {
            await Page.ScreenshotAsync(new PageScreenshotOptions { Path = System.IO.Path.Combine(folder, name + ".png"), FullPage = whole });
        }
    }

    public async ValueTask DisposeAsync() => await context.CloseAsync();
}
