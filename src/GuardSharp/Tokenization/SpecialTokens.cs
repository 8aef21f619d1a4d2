using System.Globalization;

namespace GuardSharp.Tokenization;

/// <summary>The special tokens of the tiktoken files, which hold none themselves. Names as in Meta's code (llama-models).</summary>
internal static class SpecialTokens
{
    /// <summary>Ordinary tokens of a Llama 3 file; its 256 special ids follow.</summary>
    public const int Llama3Ordinary = 128_000;

    /// <summary>Ordinary tokens of a Llama 4 file; its 2,048 special ids follow.</summary>
    public const int Llama4Ordinary = 200_000;

    /// <summary>Llama 3: name to id, 128000 to 128255.</summary>
    public static Dictionary<string, int> Llama3() => Number(Llama3Ordinary,
    [
        .. Named("begin_of_text", "end_of_text"),
        .. Numbered("reserved_special_token", 0, 2),
        .. Named("finetune_right_pad_id", "step_id", "start_header_id", "end_header_id", "eom_id", "eot_id", "python_tag", "image"),
        .. Numbered("reserved_special_token", 2, 244),
    ]);

    /// <summary>Llama 4: name to id, 200000 to 202047.</summary>
    public static Dictionary<string, int> Llama4()
    {
        const string text = "text_post_train_reserved_special_token";
        const string vision = "vision_reserved_special_token";
        return Number(Llama4Ordinary,
        [
            .. Named("begin_of_text", "end_of_text", "fim_prefix", "fim_middle", "fim_suffix"),
            .. Named("header_start", "header_end", "eom", "eot", "step"),
            .. Numbered(text, 0, 6),
            .. Named("python_start", "python_end", "finetune_right_pad"), // two of these took the numbers 6 and 7
            .. Numbered(text, 8, 61),
            .. Named("image_start", "image_end"),
            .. Numbered(vision, 0, 2),
            .. Named("tile_x_separator", "tile_y_separator"),
            .. Numbered(vision, 2, 4),
            .. Named("image"),
            .. Numbered(vision, 6, 1),
            .. Named("patch"),
            .. Numbered(vision, 7, 1041),
            .. Numbered("reasoning_reserved_special_token", 0, 8),
            .. Named("reasoning_thinking_start", "reasoning_thinking_end"),
            .. Numbered("reserved_special_token", 0, 904),
        ]);
    }

    private static IEnumerable<string> Named(params string[] names) => names.Select(name => $"<|{name}|>");

    private static IEnumerable<string> Numbered(string stem, int first, int count) =>
        Enumerable.Range(first, count).Select(number => string.Create(CultureInfo.InvariantCulture, $"<|{stem}_{number}|>"));

    private static Dictionary<string, int> Number(int firstId, IReadOnlyList<string> names)
    {
        var ids = new Dictionary<string, int>(names.Count);
        foreach (var name in names)
        {
            ids.Add(name, firstId + ids.Count);
        }

        return ids;
    }
}
