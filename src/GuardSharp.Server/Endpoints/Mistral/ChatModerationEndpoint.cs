using System.Text.Json;
using GuardSharp.Conversations;
using GuardSharp.Server.Endpoints.Moderations;
using GuardSharp.Server.Judging;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

namespace GuardSharp.Server.Endpoints.Mistral;

/// <summary><c>POST /v1/chat/moderations</c>: Mistral's form for conversations. The last message of each is judged.</summary>
internal sealed class ChatModerationEndpoint(FormJudging judging, ConversationReader conversations, ModerationResults results, IOptions<ServerOptions> server)
{
    /// <summary>Answers a request.</summary>
    public async Task<IResult> AnswerAsync(HttpContext context)
    {
        using var body = await RequestJson.ReadAsync(context).ConfigureAwait(false);
        var root = body.Root;
        var list = root.OptionalList("input", int.MaxValue);
        if (list.Count == 0)
            throw ApiException.BadRequest("input is missing or empty. Send a conversation, or a list of conversations.", "input");
        var read = new List<Conversation>();
        if (list[0].ValueKind == JsonValueKind.Array)
        {
            RequestFields.CheckInputs("input", list.Count, server.Value.MaxBatchInputs);
            for (var i = 0; i < list.Count; i++)
                read.Add(await conversations.ReadMessagesAsync(context, list[i], $"input[{i}]").ConfigureAwait(false));
        }
        else
        {
            read.Add(await conversations.ReadMessagesAsync(context, root.GetProperty("input"), "input").ConfigureAwait(false));
        }

        var judgements = await judging.JudgeAllAsync(context, read, root.OptionalText("model")).ConfigureAwait(false);
        return FormJson.Answer(results.Tell(judgements, read, asMistral: true));
    }
}
