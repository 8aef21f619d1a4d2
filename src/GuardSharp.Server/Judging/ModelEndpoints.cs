using GuardSharp.Server.Guards;
using GuardSharp.Server.Hosting;
using GuardSharp.Server.Security;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace GuardSharp.Server.Judging;

/// <summary><c>GET /v1/models</c> and <c>/v1/models/{id}</c>: the models that are loaded, in the form of OpenAI with what a guard has beside it; <c>GET /v1/guard/policies</c>.</summary>
internal static class ModelEndpoints
{
    /// <summary>Maps the endpoints.</summary>
    public static IEndpointRouteBuilder MapModels(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/v1/models", (GuardRegistry guards) => Results.Json(new ModelList("list", [.. guards.All.Select(Describe)]), ServerJson.Options))
            .RequireRights(CallerRights.Classify).WithTags("models").WithName("models").WithSummary("The models that are loaded, the default first.")
            .Produces<ModelList>();
        // Names of repositories hold a slash.
        routes.MapGet("/v1/models/{**id}", (string id, GuardRegistry guards) => Results.Json(Describe(guards.Find(id) ?? throw ApiException.UnknownModel(id)), ServerJson.Options))
            .RequireRights(CallerRights.Classify).WithTags("models").WithName("model").WithSummary("One model, by its name in configuration, the checkpoint's name or a generic name.")
            .Produces<ModelBody>().Produces<ApiErrorBody>(404);
        routes.MapGet("/v1/guard/policies", (PolicyRegistry policies) => Results.Json(
                new PolicyList([.. policies.All.OrderBy(policy => policy.Key, StringComparer.Ordinal).Select(policy => Describe(policy.Key, policy.Value))]), ServerJson.Options))
            .RequireRights(CallerRights.Classify).WithTags("guard").WithName("policies").WithSummary("The policies of configuration by their names.")
            .Produces<PolicyList>();
        return routes;
    }

    private static ModelBody Describe(NamedGuard guard)
    {
        var model = guard.Guard.Capabilities;
        return new ModelBody(
            guard.Name, "model", guard.Loaded.ToUnixTimeSeconds(), "guardsharp", model.Model, model.Codes, model.CustomCategories, model.NarrowedPolicies,
            model.Languages, model.MaxImages, model.MaxContextTokens, guard.Threshold ?? model.Threshold, guard.Policy);
    }

    private static PolicyBody Describe(string name, Policies.Policy policy) =>
        new(name, policy.Version, [.. policy.Categories.Select(category => new CategoryBody(category.Code, category.Name, category.Description))], policy.Thresholds);

    /// <summary>A list as OpenAI's clients read it.</summary>
    private sealed record ModelList(string Object, IReadOnlyList<ModelBody> Data);

    /// <summary>A model: the four keys of OpenAI, and what the guard can follow.</summary>
    private sealed record ModelBody(
        string Id, string Object, long Created, string OwnedBy, string RealName, IReadOnlyList<string> Codes, bool CustomCategories, bool NarrowedPolicies,
        IReadOnlyList<string> Languages, int MaxImages, int MaxContextTokens, double Threshold, string? Policy)
    {
        /// <summary>Spelt as OpenAI does, with an underscore.</summary>
        [System.Text.Json.Serialization.JsonPropertyName("owned_by")]
        public string OwnedBy { get; init; } = OwnedBy;
    }

    private sealed record PolicyList(IReadOnlyList<PolicyBody> Policies);

    private sealed record PolicyBody(string Name, string Version, IReadOnlyList<CategoryBody> Categories, IReadOnlyDictionary<string, double> Thresholds);

    private sealed record CategoryBody(string Code, string Name, string? Description);
}
