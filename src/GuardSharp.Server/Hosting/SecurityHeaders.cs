using Microsoft.AspNetCore.Builder;

namespace GuardSharp.Server.Hosting;

/// <summary>Headers that every answer carries unless its endpoint says otherwise: nothing is stored, framed, sniffed or read by another site.</summary>
internal static class SecurityHeaders
{
    /// <summary>Puts them before everything else.</summary>
    public static IApplicationBuilder UseSecurityHeaders(this IApplicationBuilder app) => app.Use((context, next) =>
    {
        // First, so that an endpoint can put its own in their place.
        var headers = context.Response.Headers;
        headers.XContentTypeOptions = "nosniff";
        headers.XFrameOptions = "DENY";
        headers.CacheControl = "no-store";
        headers.ContentSecurityPolicy = "default-src 'none'; frame-ancestors 'none'";
        headers["Referrer-Policy"] = "no-referrer";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";
        return next(context);
    });
}
