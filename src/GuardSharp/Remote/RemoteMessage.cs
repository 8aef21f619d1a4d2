using System.Text.Json;
using GuardSharp.Conversations;
using GuardSharp.Prompts;

namespace GuardSharp.Remote;

/// <summary>A message as it goes to a chat endpoint.</summary>
/// <param name="IsAssistant">Whether the assistant speaks.</param>
/// <param name="Images">Its images, before its texts, where the templates put them.</param>
/// <param name="Texts">Its texts, each a line of its own in the template.</param>
internal sealed record RemoteMessage(bool IsAssistant, IReadOnlyList<ImagePart> Images, IReadOnlyList<string> Texts);

/// <summary>Makes messages of a conversation: what our templates would put on a side of the talk becomes one message of that side.</summary>
internal static class RemoteMessages
{
    /// <summary>The messages, user and assistant in turn.</summary>
    /// <param name="conversation">The conversation, already found to be one that can be judged.</param>
    /// <param name="options">How conversations become prompts.</param>
    /// <param name="variant">The wording of the server's template. Only GuardSharp serves the compact one, and reads neither structure nor markup out of text.</param>
    /// <param name="maxImages">Images the model takes.</param>
    /// <param name="places">How many places had to be rewritten because the server would read markup.</param>
    public static List<RemoteMessage> Of(Conversation conversation, PromptOptions options, PromptVariant variant, int maxImages, out int places)
    {
        places = 0;
        var isPlain = variant == PromptVariant.Compact;
        var turns = TurnReader.Read(conversation, options);
        if (options.ImageLimit == ImageLimit.LastOnly && maxImages > 0)
            turns = turns.WithLastImages(maxImages);
        turns = turns.Neutralise(isPlain ? StructuralText.Verbatim : options.StructuralText);
        var messages = new List<RemoteMessage>();
        foreach (var turn in turns.Turns)
        {
            List<string> texts = [];
            foreach (var text in turn.Texts)
                texts.Add(isPlain ? turn.Label + text : ServerMarkup.Rewrite(turn.Label + text, ref places));
            List<ImagePart> images = [.. turn.Images.Select(index => turns.Images[index])];
            // Templates ask for alternating roles; tool results and system messages stand on the user's side.
            if (messages is [.., var last] && last.IsAssistant == turn.IsAgent)
                messages[^1] = last with { Images = [.. last.Images, .. images], Texts = [.. last.Texts, .. texts] };
            else
                messages.Add(new RemoteMessage(turn.IsAgent, images, texts));
        }

        return messages;
    }

    /// <summary>Writes an image as a part of a message: an image_url that holds the encoded file.</summary>
    /// <exception cref="ImageException">It is of no kind that models take.</exception>
    public static void WriteImage(Utf8JsonWriter writer, ImagePart image)
    {
        writer.WriteStartObject();
        writer.WriteString("type", "image_url");
        writer.WriteStartObject("image_url");
        writer.WriteString("url", $"data:{MediaType(image)};base64,{Convert.ToBase64String(image.Data.Span)}");
        writer.WriteEndObject();
        writer.WriteEndObject();
    }

    /// <summary>The media type of an encoded image, told by its first bytes.</summary>
    private static string MediaType(ImagePart image)
    {
        var bytes = image.Data.Span;
        return bytes.StartsWith((ReadOnlySpan<byte>)[0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) ? "image/png"
            : bytes.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xD8, 0xFF]) ? "image/jpeg"
            : bytes.Length >= 12 && bytes.StartsWith("RIFF"u8) && bytes[8..].StartsWith("WEBP"u8) ? "image/webp"
            : throw new ImageException("An image is neither PNG, JPEG nor WebP. Convert it first.");
    }
}
