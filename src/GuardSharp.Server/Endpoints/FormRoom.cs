using GuardSharp.Server.Endpoints.Completions;
using GuardSharp.Server.Endpoints.LiteLlm;
using GuardSharp.Server.Endpoints.Mistral;
using GuardSharp.Server.Endpoints.Moderations;
using GuardSharp.Server.Images;
using GuardSharp.Server.Judging;
using GuardSharp.Server.Security;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace GuardSharp.Server.Endpoints;

/// <summary>The endpoints in the forms of other services.</summary>
internal static class FormRoom
{
    /// <summary>Adds their services; options come from <see cref="FormOptions.Section"/> and <see cref="ImageOptions.Section"/>.</summary>
    public static IServiceCollection AddForms(this IServiceCollection services)
    {
        services.AddOptions<FormOptions>().BindConfiguration(FormOptions.Section).ValidateOnStart();
        services.AddSingleton<IValidateOptions<FormOptions>, FormTablesValidation>();
        services.AddImages();
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton<ConversationReader>().AddSingleton<FormJudging>().AddSingleton<PromptPolicies>().AddSingleton<ModerationResults>();
        services.AddSingleton<ModerationEndpoint>().AddSingleton<ChatModerationEndpoint>().AddSingleton<GuardrailEndpoint>();
        services.AddSingleton<ChatCompletionEndpoint>().AddSingleton<CompletionEndpoint>();
        return services;
    }

    /// <summary>Maps their routes.</summary>
    public static IEndpointRouteBuilder MapForms(this IEndpointRouteBuilder routes)
    {
        routes.MapPost("/v1/moderations", static (HttpContext context, ModerationEndpoint endpoint) => endpoint.AnswerAsync(context))
            .Describe<ModerationRequest, ModerationAnswer>("moderations", "Moderation in OpenAI's form (input), Mistral's, and the Llama API's (messages).");
        routes.MapPost("/v1/chat/moderations", static (HttpContext context, ChatModerationEndpoint endpoint) => endpoint.AnswerAsync(context))
            .Describe<ChatModerationRequest, ModerationAnswer>("chat-moderations", "Moderation of conversations in Mistral's form.");
        routes.MapPost("/v1/chat/completions", static (HttpContext context, ChatCompletionEndpoint endpoint) => endpoint.AnswerAsync(context))
            .Describe<ChatCompletionRequest, ChatCompletionAnswer>("chat-completions", "The guard's words about messages, as from a server that hosts a Llama Guard.");
        routes.MapPost("/v1/completions", static (HttpContext context, CompletionEndpoint endpoint) => endpoint.AnswerAsync(context))
            .Describe<CompletionRequest, CompletionAnswer>("completions", "The guard's words about a ready prompt; for keys that may send such.");
        routes.MapPost("/beta/litellm_basic_guardrail_api", static (HttpContext context, GuardrailEndpoint endpoint) => endpoint.AnswerAsync(context))
            .Describe<GuardrailRequest, GuardrailAnswer>("litellm-guardrail", "LiteLLM's generic guardrail.");
        return routes;
    }

    private static void Describe<TRequest, TAnswer>(this RouteHandlerBuilder route, string name, string summary)
        where TRequest : notnull => route
        .RequireRights(CallerRights.Classify).WithName(name).WithSummary(summary).WithTags("other services' forms")
        .Accepts<TRequest>("application/json").Produces<TAnswer>().Produces<ApiErrorBody>(400).Produces<ApiErrorBody>(429);

    private sealed class FormTablesValidation : IValidateOptions<FormOptions>
    {
        public ValidateOptionsResult Validate(string? name, FormOptions options)
        {
            var wrong = options.OpenAICategories.Keys.Concat(options.MistralCategories.Keys).Concat(options.LlamaApiCategories.Keys)
                .FirstOrDefault(code => code is not ['S', >= '1' and <= '9', ..] || !code.Skip(1).All(char.IsAsciiDigit));
            return wrong is null ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail($"{FormOptions.Section} maps \"{wrong}\", which is no code. Write S and a number, such as S1.");
        }
    }
}
