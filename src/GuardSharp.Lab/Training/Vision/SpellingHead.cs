using System.Text;
using GuardSharp.Checkpoints;
using GuardSharp.Tokenization;
using GuardSharp.Torch;
using TorchSharp;
using static TorchSharp.torch.nn;

namespace GuardSharp.Lab.Training.Vision;

/// <summary>Asks the encoder's output at every cell to spell the cell's token. It only teaches: the adapter behind it then has nothing to gather, only to look a word up.</summary>
/// <remarks>Shapes: T tiles, S*S patches and the class token behind them, V vision width.</remarks>
internal sealed class SpellingHead : IDisposable
{
    private const int Slots = 8;
    // Behind a word's end nothing stands: easy, and most of the slots.
    private const float NothingWeight = 0.2f;

    private readonly TorchOps _ops;
    private readonly Llama4VisionConfig _config;
    private readonly ITokenizer _tokenizer;
    private readonly TorchSharp.Modules.Linear _linear;
    private readonly torch.Tensor _weights;
    private readonly Dictionary<int, long[]> _spellings = [];

    /// <param name="ops">Makes the products.</param>
    /// <param name="config">The encoder's sizes.</param>
    /// <param name="tokenizer">Says what a token is made of.</param>
    public SpellingHead(TorchOps ops, Llama4VisionConfig config, ITokenizer tokenizer)
    {
        (_ops, _config, _tokenizer) = (ops, config, tokenizer);
        _linear = Linear(4 * config.HiddenSize, Slots * LetterClasses.Count);
        _weights = torch.ones(LetterClasses.Count);
        _weights[LetterClasses.Nothing] = torch.tensor(NothingWeight);
        _weights.DetachFromDisposeScope();
    }

    /// <summary>What learns.</summary>
    public IReadOnlyList<(string Name, TorchSharp.Modules.Parameter Parameter)> Own => [("reading.spelling.weight", _linear.weight!), ("reading.spelling.bias", _linear.bias!)];

    /// <summary>Cross-entropy of the letters, nats per asked slot.</summary>
    /// <param name="output">The encoder's normed output [T * (S*S + 1), V].</param>
    /// <param name="batch">The pictures.</param>
    public torch.Tensor Loss(torch.Tensor output, IReadOnlyList<ReadingSample> batch)
    {
        var (cells, letters) = Targets(batch);
        if (cells.Length == 0)
            return torch.zeros(1).squeeze(0);
        var side = _config.ImageSize / _config.PatchSize;
        // [T, S/2, 2, S/2, 2, V] to the cells' four patches side by side, as the pixel shuffle lays them.
        var shuffled = output.view(-1, (side * side) + 1, _config.HiddenSize).narrow(1, 0, side * side)
            .reshape(-1, side / 2, 2, side / 2, 2, _config.HiddenSize).permute(0, 1, 3, 2, 4, 5).reshape(-1, 4 * _config.HiddenSize);
        var logits = _ops.Product(shuffled.index_select(0, torch.tensor(cells)), _linear.weight!, _linear.bias).view(-1, LetterClasses.Count);
        return functional.cross_entropy(logits, torch.tensor(letters), _weights);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _linear.Dispose();
        _weights.Dispose();
    }

    /// <summary>Cells that hold exactly one token, and its letters.</summary>
    private (long[] Cells, long[] Letters) Targets(IReadOnlyList<ReadingSample> batch)
    {
        var (cells, letters) = (new List<long>(), new List<long>());
        var perTile = _config.ImageSize / _config.PatchSize * (_config.ImageSize / _config.PatchSize) / 4;
        var first = 0;
        foreach (var sample in batch)
        {
            foreach (var cell in sample.Tokens.GroupBy(token => token.Cell).Where(group => group.Count() == 1))
            {
                cells.Add(first + cell.Key);
                letters.AddRange(SpellingOf(cell.First().Id));
            }

            first += sample.Tiles.Tiles * perTile;
        }

        return ([.. cells], [.. letters]);
    }

    /// <summary>The classes of a token's letters; a blank is nothing.</summary>
    private long[] SpellingOf(int id)
    {
        if (_spellings.TryGetValue(id, out var known))
            return known;
        var spelling = new long[Slots];
        foreach (var (slot, letter) in Encoding.UTF8.GetString(_tokenizer.BytesOf(id).Span).Take(Slots).Index())
            spelling[slot] = char.IsWhiteSpace(letter) ? LetterClasses.Nothing : LetterClasses.Of(letter);
        return _spellings[id] = spelling;
    }
}
