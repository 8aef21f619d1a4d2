using System.Text.Json;
using GuardSharp.Conversations;
using GuardSharp.Evaluation.Samples;

namespace GuardSharp.Evaluation.Datasets.Remote;

/// <summary>The conversation of a row, its pictures read.</summary>
internal static class RowConversation
{
    /// <summary>Reads it.</summary>
    /// <exception cref="GuardException">A picture is gone.</exception>
    public static Conversation Of(DataRow row)
    {
        using var document = JsonDocument.Parse(row.Json);
        return ConversationJson.FromMessages(document.RootElement.GetProperty("messages"), RowLines.FolderOf(row.File), row.Place);
    }
}
