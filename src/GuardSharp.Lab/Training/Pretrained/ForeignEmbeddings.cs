using GuardSharp.Lab.Training.Rows;
using GuardSharp.Tokenization;
using static TorchSharp.torch;

namespace GuardSharp.Lab.Training.Pretrained;

/// <summary>Gives tokens of other languages the embeddings of the English tokens they are translated by.</summary>
internal static class ForeignEmbeddings
{
    /// <summary>Share of a translated token's embedding that stays random: translations of one word are not the same token.</summary>
    private const float OwnShare = 0.3f;

    /// <summary>Fills the rows of tokens without pretrained vectors in place.</summary>
    /// <param name="table">The embedding [tokens, columns].</param>
    /// <param name="known">Tokens with pretrained vectors, which stay as they are.</param>
    /// <param name="rows">Rows, among them translations of one another.</param>
    /// <param name="tokenizer">Cuts the texts.</param>
    /// <returns>How many tokens were given a meaning.</returns>
    public static int Fill(Tensor table, bool[] known, IReadOnlyList<TrainingRow> rows, BpeTokenizer tokenizer)
    {
        using var scope = NewDisposeScope();
        using var frozen = no_grad();
        var english = rows.Where(row => row.Language == "en" && row.ParallelKey is not null).GroupBy(row => row.ParallelKey!).ToDictionary(group => group.Key, group => Ids(group.First(), tokenizer));
        var meanings = new Dictionary<int, List<(int English, double Weight)>>();
        foreach (var language in rows.Where(row => row.Language != "en" && row.ParallelKey is not null).GroupBy(row => row.Language))
        {
            var pairs = language.Where(row => english.ContainsKey(row.ParallelKey!)).Select(row => (english[row.ParallelKey!], Ids(row, tokenizer))).ToList();
            foreach (var (token, translations) in TokenAlignment.Align(pairs))
            {
                if (known[token])
                    continue;
                if (!meanings.TryGetValue(token, out var list))
                    meanings[token] = list = [];
                list.AddRange(translations.Where(entry => known[entry.English]).Select(entry => (entry.English, entry.Probability)));
            }
        }

        foreach (var (token, list) in meanings.Where(entry => entry.Value.Count > 0))
        {
            using var inner = NewDisposeScope();
            var weights = tensor(list.Select(entry => (float)entry.Weight).ToArray()).unsqueeze(1);
            var mean = (table.index_select(0, tensor(list.Select(entry => (long)entry.English).ToArray())) * weights).sum([0]) / weights.sum();
            var own = table[token];
            table[token] = (mean * (1 - OwnShare) / mean.std() * own.std()) + (own * OwnShare);
        }

        return meanings.Count(entry => entry.Value.Count > 0);
    }

    private static int[] Ids(TrainingRow row, BpeTokenizer tokenizer)
    {
        // With a blank before it the first word is the token it is elsewhere.
        var ids = new List<int>();
        tokenizer.Encode(" " + row.LastText, ids);
        return [.. ids];
    }
}
