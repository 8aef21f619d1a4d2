using Microsoft.Extensions.AI;

namespace GuardSharp.Extensions.AI.Judging;

/// <summary>What a request tells the model beside its messages: instructions, tools with their descriptions, the form of the answer, where it stops.</summary>
internal static class Declarations
{
    /// <summary>The texts, each as the model reads it.</summary>
    /// <param name="request">The request's options; null: it says nothing.</param>
    /// <param name="all">False: instructions alone; the rest is the operator's and costs context.</param>
    public static IEnumerable<string> Of(ChatOptions? request, bool all)
    {
        if (request?.Instructions is { } instructions)
            yield return instructions;
        if (!all || request is null)
            yield break;
        foreach (var tool in request.Tools ?? [])
            yield return Joined(tool.Name, tool.Description, tool is AIFunctionDeclaration function ? function.JsonSchema.GetRawText() : null);
        if (request.ResponseFormat is ChatResponseFormatJson format && Joined(format.SchemaName, format.SchemaDescription, format.Schema?.GetRawText()) is { Length: > 0 } form)
            yield return form;
        if (request.StopSequences is { Count: > 0 } stops)
            yield return string.Join('\n', stops);
    }

    private static string Joined(params IEnumerable<string?> texts) => string.Join('\n', texts.Where(text => !string.IsNullOrEmpty(text)));
}
