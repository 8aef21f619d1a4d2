using GuardSharp.Server.Security;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace GuardSharp.Server.Hosting;

/// <summary><c>/openapi/v1.json</c>: every endpoint with the forms of its requests and answers.</summary>
internal static class OpenApiDocument
{
    private const string Name = "v1";

    /// <summary>Adds what makes the document.</summary>
    public static IServiceCollection AddOpenApiDocument(this IServiceCollection services) => services.AddOpenApi(Name, options => options.AddDocumentTransformer((document, _, _) =>
    {
        document.Info.Title = "GuardSharp";
        document.Info.Description = "Judges prompts and responses, text and images, with Llama Guard models (docs/server.md).";
        // The address of the request that asked is nobody's business.
        document.Servers?.Clear();
        return Task.CompletedTask;
    }));

    /// <summary>Maps the document, open to anybody: it says nothing of this server's configuration.</summary>
    public static IEndpointRouteBuilder MapOpenApiDocument(this IEndpointRouteBuilder routes)
    {
        routes.MapOpenApi("/openapi/{documentName}.json").RequireRights(CallerRights.None);
        return routes;
    }
}
