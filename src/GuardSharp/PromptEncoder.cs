using GuardSharp.Engine;
using GuardSharp.Imaging;
using GuardSharp.Prompts;
using GuardSharp.Tokenization;

namespace GuardSharp;

/// <summary>Rendered prompts and tiled images to token ids: special tokens by name, text by the tokenizer, images by the layout of model note L11.</summary>
/// <remarks>Safe from any thread. A special id comes from a special segment or an image only, never from text.</remarks>
internal sealed class PromptEncoder(ITokenizer tokenizer, int tokensPerTile)
{
    /// <summary>The prompt's ids, split where the part that depends on task and policy alone ends.</summary>
    public EncodedPrompt Encode(RenderedPrompt prompt, IReadOnlyList<TiledImage> images)
    {
        var ids = new List<int>();
        var prefix = 0;
        for (var i = 0; i < prompt.Segments.Count; i++)
        {
            var start = ids.Count;
            Append(prompt.Segments[i], images, ids);
            if (i < prompt.PrefixSegments)
            {
                prefix = ids.Count;
            }
            else if (i == prompt.PrefixSegments && prompt.PrefixCharacters > 0)
            {
                prefix += CommonWith(((TextSegment)prompt.Segments[i]).Text[..prompt.PrefixCharacters], ids, start);
            }
        }

        // The last token is always read anew: its row gives the verdict.
        prefix = Math.Min(prefix, ids.Count - 1);
        return new EncodedPrompt([.. ids.Take(prefix)], [.. ids.Skip(prefix)], [.. images.Select(image => image.Pixels)]);
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

    /// <summary>How many tokens of a prompt stand for images' patches.</summary>
    public int CountPatches(EncodedPrompt prompt) =>
        prompt.Images.Count == 0 ? 0 : prompt.Rest.Count(id => id == Special("<|patch|>"));

    private void Append(PromptSegment segment, IReadOnlyList<TiledImage> images, List<int> ids)
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
                AppendImage(images[image.Index], ids);
                break;
            default:
                throw new InvalidOperationException($"Unknown segment {segment.GetType()}.");
        }
    }

    private void AppendImage(TiledImage image, List<int> ids)
    {
        ids.Add(Special("<|image_start|>"));
        if (image.HasGlobalTile)
        {
            for (var row = 0; row < image.GridRows; row++)
            {
                for (var column = 0; column < image.GridColumns; column++)
                {
                    AppendTile(ids);
                    ids.Add(Special(column < image.GridColumns - 1 ? "<|tile_x_separator|>" : "<|tile_y_separator|>"));
                }
            }
        }

        ids.Add(Special("<|image|>"));
        AppendTile(ids);
        ids.Add(Special("<|image_end|>"));
    }

    private void AppendTile(List<int> ids)
    {
        var patch = Special("<|patch|>");
        for (var i = 0; i < tokensPerTile; i++)
        {
            ids.Add(patch);
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
