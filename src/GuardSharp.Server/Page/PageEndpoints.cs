using System.Reflection;
using GuardSharp.Server.Security;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace GuardSharp.Server.Page;

/// <summary><c>/</c>: a page to judge a conversation by hand and to review decisions. Plain files that ask this server and no other.</summary>
/// <remarks>The files hold nothing of anybody and are open to anybody; what the page asks for needs the rights that it always needs.</remarks>
internal static class PageEndpoints
{
    // Scripts and styles come from files alone: nothing that a message holds can run, wherever it is shown. Pictures are shown from memory.
    private const string ContentSecurityPolicy =
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    private const string Start = "index.html";

    private static readonly Dictionary<string, string> _types = new(StringComparer.Ordinal)
    {
        [".html"] = "text/html; charset=utf-8",
        [".css"] = "text/css; charset=utf-8",
        [".js"] = "text/javascript; charset=utf-8",
        [".svg"] = "image/svg+xml",
    };

    /// <summary>Maps the page, its files, and <c>/v1/guard/prompt</c>, which shows what a model reads.</summary>
    public static IEndpointRouteBuilder MapPage(this IEndpointRouteBuilder routes)
    {
        foreach (var name in Names())
        {
            var content = Read(name);
            routes.MapGet(name == Start ? "/" : "/page/" + name, context => WriteAsync(context, name, content)).RequireRights(CallerRights.None).ExcludeFromDescription();
        }

        return routes.MapPrompt();
    }

    private static Task WriteAsync(HttpContext context, string name, byte[] content)
    {
        var response = context.Response;
        response.Headers.ContentSecurityPolicy = ContentSecurityPolicy;
        response.ContentType = _types[Path.GetExtension(name)];
        response.ContentLength = content.Length;
        return response.Body.WriteAsync(content, context.RequestAborted).AsTask();
    }

    private static IEnumerable<string> Names() =>
        Assembly.GetExecutingAssembly().GetManifestResourceNames().Where(name => name.StartsWith("page/", StringComparison.Ordinal)).Select(name => name["page/".Length..]);

    private static byte[] Read(string name)
    {
        using var resource = Assembly.GetExecutingAssembly().GetManifestResourceStream("page/" + name)!;
        var content = new byte[resource.Length];
        resource.ReadExactly(content);
        return content;
    }
}
