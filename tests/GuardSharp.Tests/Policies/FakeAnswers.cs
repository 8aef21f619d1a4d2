using System.Text.RegularExpressions;
using GuardSharp.Policies;

namespace GuardSharp.Tests.Policies;

/// <summary>A small tokenizer in the manner of Llama's: words, a comma with the letter after it, numbers whole or digit by digit.</summary>
internal sealed partial class FakeTokenizer(bool digits)
{
    private readonly Dictionary<string, int> _ids = [];

    public int Count => _ids.Count;

    public int[] Encode(string text) =>
        [.. Piece().Matches(text).SelectMany(m => digits && char.IsAsciiDigit(m.Value[0]) ? m.Value.Select(c => c.ToString()) : [m.Value]).Select(Id)];

    /// <summary>The piece of an id.</summary>
    public string Text(int id) => _ids.Single(pair => pair.Value == id).Key;

    public int Id(string piece)
    {
        _ids.TryAdd(piece, _ids.Count);
        return _ids[piece];
    }

    [GeneratedRegex(@",?[A-Za-z]+|[0-9]+|\n+|,")]
    private static partial Regex Piece();
}

/// <summary>A model whose logits are drawn from a hash of what it has read: any distribution, the same every time.</summary>
internal sealed class FakeModel(int vocabulary, int seed, double spread = 3) : IAnswerModel
{
    private readonly Dictionary<(string, int), float> _fixed = [];

    public int Calls { get; private set; }

    public int Rows { get; private set; }

    public FakeModel With(int[] continuation, int token, float logit)
    {
        _fixed[(string.Join(',', continuation), token)] = logit;
        return this;
    }

    public float Logit(IEnumerable<int> continuation, int token)
    {
        var key = string.Join(',', continuation);
        if (_fixed.TryGetValue((key, token), out var logit))
            return logit;
        var hash = (ulong)seed + 88172645463325252UL;
        foreach (var c in $"{key}|{token}")
            hash = (hash ^ c) * 1099511628211UL;
        hash ^= hash >> 29;
        hash *= 0xBF58476D1CE4E5B9UL;
        return (float)(((hash >> 40) / (double)(1 << 24) - 0.5) * 2 * spread);
    }

    public ValueTask<float[][]> NextLogitsAsync(
        IReadOnlyList<int[]> continuations, IReadOnlyList<int>? tokens, CancellationToken cancellationToken)
    {
        Calls++;
        Rows += continuations.Count;
        return ValueTask.FromResult<float[][]>(
            [.. continuations.Select(c => (float[])[.. (tokens ?? [.. Enumerable.Range(0, vocabulary)]).Select(t => Logit(c, t))])]);
    }
}
