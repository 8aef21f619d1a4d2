using GuardSharp.Engine;
using GuardSharp.Imaging;
using GuardSharp.Prompts;
using GuardSharp.Tokenization;

namespace GuardSharp;

/// <summary>Rendered prompts and tiled images to token ids: special tokens by name, text by the tokenizer, images by their markup.</summary>
/// <remarks>Safe from any thread. A special id comes from a special segment or an image only, never from text.</remarks>
/// <param name="tokenizer">The model's tokenizer.</param>
/// <param name="images">How pictures stand in the ids; null: the model takes text alone.</param>
internal sealed class PromptEncoder(ITokenizer tokenizer, IImageMarkup? images)
{
    /// <summary>An encoder for models that read pictures as tiles of patch tokens.</summary>
    public PromptEncoder(ITokenizer tokenizer, int tokensPerTile)
        : this(tokenizer, new TileMarkup(tokensPerTile))
    {
    }

    /// <summary>How many tokens the texts of a prompt have at least: none stands for more than the longest token's bytes, and a character is a byte or more.</summary>
    public int LeastTokens(RenderedPrompt prompt) =>
        (int)(prompt.Segments.OfType<TextSegment>().Sum(text => (long)text.Text.Length) / tokenizer.LongestToken);

    /// <summary>The prompt's ids, split where the part that depends on task and policy alone ends.</summary>
    public EncodedPrompt Encode(RenderedPrompt prompt, IReadOnlyList<TiledImage> pictures)
    {
        var ids = new List<int>();
        var (prefix, reusable) = (0, 0);
        for (var i = 0; i < prompt.Segments.Count; i++)
        {
            var start = ids.Count;
            Append(prompt.Segments[i], pictures, ids);
            if (i < prompt.PrefixSegments)
            {
                prefix = ids.Count;
            }
            else if (i == prompt.PrefixSegments && prompt.PrefixCharacters > 0)
            {
                prefix += CommonWith(((TextSegment)prompt.Segments[i]).Text[..prompt.PrefixCharacters], ids, start);
            }

            if (i < prompt.ConversationSegments)
            {
                reusable = ids.Count;
            }
            else if (i == prompt.ConversationSegments && prompt.ConversationCharacters > 0)
            {
                // About as many as the question's text has alone: what is kept is compared id by id, so a few more or less do no harm.
                reusable = Math.Max(reusable, ids.Count - Encode(((TextSegment)prompt.Segments[i]).Text[prompt.ConversationCharacters..]).Length);
            }
        }

        // The last token is always read anew: its row gives the verdict.
        prefix = Math.Min(prefix, ids.Count - 1);
        return new EncodedPrompt([.. ids.Take(prefix)], [.. ids.Skip(prefix)], [.. pictures.Select(picture => new EncodedImage(picture.Pixels, picture.GridRows, picture.GridColumns))])
        {
            Reusable = reusable,
        };
    }

    /// <summary>Ids of plain text.</summary>
    public int[] Encode(string text)
    {
        var ids = new List<int>();
        tokenizer.Encode(text, ids);
        return [.. ids];
    }

    /// <summary>The id of a special token.</summary>
    /// <exception cref="CheckpointException">The tokenizer has none of that name.</exception>
    public int Special(string name) => tokenizer.TryGetSpecial(name, out var id)
        ? id
        : throw new CheckpointException($"The tokenizer has no special token {name}, which the prompt needs. Is the tokenizer from the same checkpoint?");

    /// <summary>How many tokens of a prompt stand for its pictures.</summary>
    public int CountPatches(EncodedPrompt prompt) =>
        prompt.Images.Count == 0 ? 0 : prompt.Rest.Count(id => id == Special(images!.Placeholder));

    private void Append(PromptSegment segment, IReadOnlyList<TiledImage> pictures, List<int> ids)
    {
        switch (segment)
        {
            case SpecialSegment special:
                ids.Add(Special(special.Name));
                break;
            case TextSegment text:
                tokenizer.Encode(text.Text, ids);
                break;
            case ImageSegment image:
                (images ?? throw new InvalidOperationException("An image in the prompt of a model that takes text alone.")).Append(pictures[image.Index], Special, ids);
                break;
            default:
                throw new InvalidOperationException($"Unknown segment {segment.GetType()}.");
        }
    }

    /// <summary>How many ids from <paramref name="start"/> on are also the first ids of the text alone: byte pairs may form across its end.</summary>
    private int CommonWith(string text, List<int> ids, int start)
    {
        var alone = Encode(text);
        var common = 0;
        while (common < alone.Length && start + common < ids.Count && alone[common] == ids[start + common])
        {
            common++;
        }

        return common;
    }
}
