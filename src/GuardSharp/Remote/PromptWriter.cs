using System.Text;
using GuardSharp.Prompts;
using GuardSharp.Tokenization;

namespace GuardSharp.Remote;

/// <summary>A rendered prompt as a server takes it.</summary>
internal static class PromptWriter
{
    /// <summary>The prompt as one string: special tokens by their names, everything else without anything that could pass for one.</summary>
    /// <param name="prompt">The prompt.</param>
    /// <param name="serverBegins">The first token is the server's to write.</param>
    /// <param name="places">How many places of the text had to be rewritten.</param>
    public static string AsText(RenderedPrompt prompt, bool serverBegins, out int places)
    {
        places = 0;
        var text = new StringBuilder();
        foreach (var segment in serverBegins ? prompt.Segments.Skip(1) : prompt.Segments)
            text.Append(segment is SpecialSegment special ? special.Name : ServerMarkup.Rewrite(TextOf(segment), ref places));
        return text.ToString();
    }

    /// <summary>The prompt as token ids: a special id comes from a special segment alone.</summary>
    /// <exception cref="CheckpointException">The tokenizer lacks a special token of the prompt.</exception>
    public static List<int> AsIds(RenderedPrompt prompt, ITokenizer tokenizer)
    {
        var ids = new List<int>();
        foreach (var segment in prompt.Segments)
        {
            if (segment is not SpecialSegment special)
                tokenizer.Encode(TextOf(segment), ids);
            else if (tokenizer.TryGetSpecial(special.Name, out var id))
                ids.Add(id);
            else
                throw new CheckpointException($"The tokenizer has no special token {special.Name}, which the prompt needs. Is TokenizerFolder that of the server's model?");
        }

        return ids;
    }

    private static string TextOf(PromptSegment segment) => segment is TextSegment text
        ? text.Text
        : throw new InvalidOperationException("An image in a prompt of text: its conversation should have been refused.");
}
