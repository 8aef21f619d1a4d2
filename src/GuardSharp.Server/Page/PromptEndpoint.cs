using GuardSharp.Conversations;
using GuardSharp.Defences;
using GuardSharp.Prompts;
using GuardSharp.Server.Hosting;
using GuardSharp.Server.Judging;
using GuardSharp.Server.Security;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace GuardSharp.Server.Page;

/// <summary><c>POST /v1/guard/prompt</c>: the prompt that a model would read, special tokens told from text. Nothing is judged, nothing recorded.</summary>
internal static class PromptEndpoint
{
    /// <summary>Maps the endpoint.</summary>
    public static IEndpointRouteBuilder MapPrompt(this IEndpointRouteBuilder routes)
    {
        routes.MapPost("/v1/guard/prompt", RenderAsync).RequireRights(CallerRights.Classify)
            .WithName("prompt").WithSummary("Shows the prompt of a conversation as the model reads it; judges nothing.")
            .WithTags("guard").Accepts<ClassifyBody>("application/json").Produces<PromptBody>().Produces<ApiErrorBody>(400);
        return routes;
    }

    private static async Task<IResult> RenderAsync(HttpContext context, VerdictService service)
    {
        using var body = await RequestJson.ReadAsync(context).ConfigureAwait(false);
        if (body.Root.Optional("messages") is not { } messages)
        {
            throw ApiException.BadRequest("Send messages: a list of {\"role\", \"content\"}.", "messages");
        }

        var request = ClassifyEndpoint.ReadTemplate(body.Root, context.GetCaller()) with { Conversation = ClassifyEndpoint.ReadConversation(messages) };
        var (named, options) = service.Choose(request);
        var guard = Local(named.Guard, request.Conversation)
            ?? throw ApiException.BadRequest($"The model \"{named.Name}\" runs on another machine, which renders its own prompt. Ask for a model that runs here.", "model");
        return Results.Json(PromptBody.Of(guard.Capabilities, guard.Render(request.Conversation, options.Policy ?? guard.DefaultPolicy)), ServerJson.Options);
    }

    private static GuardClassifier? Local(IGuard guard, Conversation conversation) => guard switch
    {
        DefendedGuard defended => Local(defended.Guard, conversation),
        GuardSet set => set.Choose(conversation) as GuardClassifier,
        _ => guard as GuardClassifier,
    };
}

/// <summary>A prompt.</summary>
/// <param name="Model">The model that would read it, with 12 digits of its weights' SHA-256.</param>
/// <param name="Variant">The wording of the prompt.</param>
/// <param name="Task">What would be judged: "prompt" or "response".</param>
/// <param name="PolicyVersion">The policy, without the hazards that this conversation cannot violate.</param>
/// <param name="Policy">Its categories.</param>
/// <param name="Segments">The prompt, piece by piece.</param>
/// <param name="Neutralised">Turns in which text that looked like structure was marked as quoted.</param>
internal sealed record PromptBody(
    string Model,
    string Variant,
    string Task,
    string PolicyVersion,
    IReadOnlyList<PromptCategory> Policy,
    IReadOnlyList<PromptPiece> Segments,
    IReadOnlyList<PromptRewrite> Neutralised)
{
    /// <summary>The body of a rendered prompt.</summary>
    public static PromptBody Of(GuardCapabilities model, RenderedPrompt prompt) => new(
        model.Model,
        model.PromptVariant.ToString(),
        VerdictBody.TaskName(prompt.Task),
        prompt.Policy.Version,
        [.. prompt.Policy.Categories.Select(category => new PromptCategory(category.Code, category.Name))],
        [.. prompt.Segments.Select(PromptPiece.Of)],
        [.. prompt.Neutralised.Select(turn => new PromptRewrite(turn.Turn, turn.Places))]);
}

/// <summary>A category of the policy.</summary>
internal sealed record PromptCategory(string Code, string Name);

/// <summary>A piece of a prompt.</summary>
/// <param name="Kind">special, text or image.</param>
/// <param name="Text">The special token's name, the text, or where the picture stands.</param>
internal sealed record PromptPiece(string Kind, string Text)
{
    /// <summary>A segment as a piece.</summary>
    public static PromptPiece Of(PromptSegment segment) => segment switch
    {
        SpecialSegment special => new("special", special.Name),
        TextSegment text => new("text", text.Text),
        ImageSegment image => new("image", $"[picture {image.Index + 1}]"),
        _ => throw new InvalidOperationException($"Unknown segment {segment.GetType()}."),
    };
}

/// <summary>A turn in which text was rewritten.</summary>
/// <param name="Turn">Its place, from 1.</param>
/// <param name="Places">How many rewrites there were.</param>
internal sealed record PromptRewrite(int Turn, int Places);
