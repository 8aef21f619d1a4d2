using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace GuardSharp.Tests.Server.Hosting;

public sealed class OpenApiTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Every_endpoint_is_described_with_what_it_takes_and_gives()
    {
        // With everything switched on that brings endpoints along.
        await using var server = await TestServer.StartAsync(("GuardSharp:Audit:Path", _folder["audit.db"]));
        var (_, document) = await server.GetAsync("/openapi/v1.json");
        var paths = document.GetProperty("paths");
        var missing = new List<string>();
        foreach (var endpoint in server.Server.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>())
        {
            var path = "/" + endpoint.RoutePattern.RawText!.Replace("**", "", StringComparison.Ordinal).TrimStart('/');
            if (!path.StartsWith("/v1/", StringComparison.Ordinal) && !path.StartsWith("/beta/", StringComparison.Ordinal))
            {
                continue;
            }

            foreach (var method in endpoint.Metadata.GetMetadata<HttpMethodMetadata>()!.HttpMethods)
            {
                if (!paths.TryGetProperty(path, out var described) || !described.TryGetProperty(method.ToLowerInvariant(), out var operation))
                {
                    missing.Add($"{method} {path}: not in the document");
                }
                else if (method is "POST" && !operation.TryGetProperty("requestBody", out _))
                {
                    missing.Add($"{method} {path}: not what it takes");
                }
                else if (!operation.GetProperty("responses").EnumerateObject().Any(response => response.Name.StartsWith('2') && response.Value.TryGetProperty("content", out _)))
                {
                    missing.Add($"{method} {path}: not what it gives");
                }
            }
        }

        Assert.True(missing.Count == 0, string.Join("\n", missing));
        Assert.NotEmpty(paths.EnumerateObject());
    }
}
