using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace GuardSharp.Server.Security;

/// <summary>Metadata of an endpoint: what a caller needs to be let in. Endpoints without it need <see cref="CallerRights.Classify"/>.</summary>
/// <param name="Rights">The rights; None: open to anybody.</param>
internal sealed record RequiredRights(CallerRights Rights);

/// <summary>How endpoints speak of callers.</summary>
internal static class CallerExtensions
{
    /// <summary>Lets in only callers with these rights; None lets in anybody.</summary>
    public static TBuilder RequireRights<TBuilder>(this TBuilder builder, CallerRights rights)
        where TBuilder : IEndpointConventionBuilder => builder.WithMetadata(new RequiredRights(rights));

    /// <summary>Who sends this request.</summary>
    public static Caller GetCaller(this HttpContext context) => context.Features.Get<Caller>() ?? Caller.Anonymous;
}
