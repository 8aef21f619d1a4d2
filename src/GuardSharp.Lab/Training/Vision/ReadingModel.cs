using GuardSharp.Checkpoints;
using GuardSharp.Models;
using GuardSharp.Tensors;
using GuardSharp.Tokenization;
using GuardSharp.Torch;
using TorchSharp;
using static TorchSharp.torch.nn;

namespace GuardSharp.Lab.Training.Vision;

/// <summary>How well a batch was read.</summary>
/// <param name="LetterLoss">Cross-entropy of the letters, nats per asked slot.</param>
/// <param name="TokenLoss">Cross-entropy of the tokens, nats per asked cell.</param>
/// <param name="SpellingLoss">Cross-entropy of the letters of the cells' tokens, nats per asked slot.</param>
/// <param name="LetterAccuracy">Part of the letters told right (slots that hold one).</param>
/// <param name="TokenAccuracy">Part of the tokens that are their cell's likeliest among the batch's candidates.</param>
internal readonly record struct ReadingScore(float LetterLoss, float TokenLoss, float SpellingLoss, float LetterAccuracy, float TokenAccuracy)
{
    /// <summary>Part by part.</summary>
    public static ReadingScore operator +(ReadingScore a, ReadingScore b) =>
        new(a.LetterLoss + b.LetterLoss, a.TokenLoss + b.TokenLoss, a.SpellingLoss + b.SpellingLoss, a.LetterAccuracy + b.LetterAccuracy, a.TokenAccuracy + b.TokenAccuracy);

    /// <summary>Every part divided.</summary>
    public static ReadingScore operator /(ReadingScore a, float by) => new(a.LetterLoss / by, a.TokenLoss / by, a.SpellingLoss / by, a.LetterAccuracy / by, a.TokenAccuracy / by);

    /// <summary>One line.</summary>
    public override string ToString() => $"letters {LetterAccuracy:P1} (loss {LetterLoss:F3}), spelling loss {SpellingLoss:F3}, tokens {TokenAccuracy:P1} (loss {TokenLoss:F3})";
}

/// <summary>The vision encoder with what teaches it to read: letters at every patch, and at every vision token the text token that stands there.</summary>
/// <remarks>
/// A vision token f is pulled towards the text embedding e of the token in its cell by a softmax over -scale/2 |f - e|²: so the decoder,
/// which knows text, reads vision tokens as soft text. Cells without text are pulled towards the embedding of an
/// image placeholder, which text never uses: 0 would not do, because the decoder's first norm makes any small vector a large one. The letter heads only teach; they are not
/// part of the checkpoint. Shapes: T tiles, S patches a side, V vision width, D text width, C candidates.
/// </remarks>
internal sealed class ReadingModel : IDisposable
{
    private const float NothingWeight = 0.15f;

    private readonly TorchOps _ops;
    private readonly Llama4VisionConfig _config;
    private readonly IGuardNetwork _network;
    private readonly TorchSharp.Modules.Linear _letterHead;
    private readonly TorchSharp.Modules.Parameter _logScale;
    private readonly torch.Tensor _table;
    private readonly torch.Tensor _nothing;
    private readonly torch.Tensor _letterWeights;
    private readonly int[] _patchRows;
    private readonly SpellingHead _spelling;
    private Tensor _patches;
    private Tensor _output;

    /// <param name="ops">The backend the network was built on.</param>
    /// <param name="network">The network whose encoder learns.</param>
    /// <param name="config">The encoder's sizes.</param>
    /// <param name="table">The network's text embeddings [vocabulary, D]; they do not move here.</param>
    /// <param name="nothing">The id whose embedding means that a cell holds no text.</param>
    /// <param name="tokenizer">Says how tokens are spelled.</param>
    public ReadingModel(TorchOps ops, IGuardNetwork network, Llama4VisionConfig config, torch.Tensor table, int nothing, ITokenizer tokenizer)
    {
        (_ops, _network, _config, _table) = (ops, network, config, table.detach().DetachFromDisposeScope());
        _nothing = torch.tensor([(long)nothing]).DetachFromDisposeScope();
        _letterHead = Linear(config.HiddenSize, ReadingSample.LetterSlots * LetterClasses.Count);
        // The scale at which a typical distance between two embeddings costs about 8 nats.
        _logScale = new TorchSharp.Modules.Parameter(torch.log(8f / _table.pow(2).sum(1).mean()).reshape(1), true);
        _logScale.DetachFromDisposeScope();
        _letterWeights = torch.ones(LetterClasses.Count);
        _letterWeights[LetterClasses.Nothing] = torch.tensor(NothingWeight);
        _letterWeights.DetachFromDisposeScope();
        var perTile = (config.ImageSize / config.PatchSize) * (config.ImageSize / config.PatchSize);
        _patchRows = [.. Enumerable.Range(0, perTile)];
        _spelling = new SpellingHead(ops, config, tokenizer);
        // Letters are asked half-way, so that the layers behind are free to join them to tokens.
        var layer = $"vision.layer{(config.Layers - 1) / 2}";
        ops.Observer = (name, tensor) =>
        {
            _patches = name == layer ? tensor : _patches;
            _output = name == "vision.layernorm_post" ? tensor : _output;
        };
    }

    /// <summary>What learns beside the encoder, and is thrown away in the end.</summary>
    public IReadOnlyList<(string Name, TorchSharp.Modules.Parameter Parameter)> Own =>
        [("reading.letters.weight", _letterHead.weight!), ("reading.letters.bias", _letterHead.bias!), ("reading.scale", _logScale), .. _spelling.Own];

    /// <summary>The vision tokens of a batch's tiles: [T*S*S/4, D].</summary>
    public Tensor Encode(IReadOnlyList<ReadingSample> batch)
    {
        var side = _config.ImageSize;
        var pixels = batch.SelectMany(s => s.Tiles.Pixels).ToArray();
        return _network.EncodeTiles(_ops.Upload(pixels, pixels.Length / side, side));
    }

    /// <summary>The loss of the batch encoded last, to be differentiated by the caller, and the score.</summary>
    public (torch.Tensor Loss, ReadingScore Score) Loss(Tensor encoded, IReadOnlyList<ReadingSample> batch, Random random)
    {
        var features = TorchOps.AsTorch(encoded);
        var (letters, letterAccuracy) = LetterLoss(batch);
        var (tokens, tokenAccuracy) = TokenLoss(features, batch, random);
        var spelling = _spelling.Loss(TorchOps.AsTorch(_output), batch);
        var score = new ReadingScore(letters.item<float>(), tokens.item<float>(), spelling.item<float>(), letterAccuracy, tokenAccuracy);
        return (letters + tokens + spelling, score);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _letterHead.Dispose();
        _spelling.Dispose();
        _logScale.Dispose();
        _nothing.Dispose();
        _table.Dispose();
        _letterWeights.Dispose();
    }

    private (torch.Tensor Loss, float Accuracy) LetterLoss(IReadOnlyList<ReadingSample> batch)
    {
        var tiles = batch.Sum(s => s.Tiles.Tiles);
        var rows = TorchOps.AsTorch(_patches).view(tiles, _patchRows.Length + 1, _config.HiddenSize).narrow(1, 0, _patchRows.Length);   // without the class token
        var normed = functional.layer_norm(rows.reshape(-1, _config.HiddenSize), [_config.HiddenSize]);
        var logits = _ops.Product(normed, _letterHead.weight!, _letterHead.bias).view(-1, LetterClasses.Count);
        var target = torch.tensor(batch.SelectMany(s => s.Letters).Select(l => (long)l).ToArray());
        var loss = functional.cross_entropy(logits, target, _letterWeights, ReadingSample.Ignored);
        using var _ = torch.no_grad();
        var isLetter = target > 0;
        var right = (logits.argmax(1) == target) & isLetter;
        return (loss, right.sum().item<long>() / Math.Max(1f, isLetter.sum().item<long>()));
    }

    private (torch.Tensor Loss, float Accuracy) TokenLoss(torch.Tensor features, IReadOnlyList<ReadingSample> batch, Random random)
    {
        var targets = new TokenTargets(batch, _patchRows.Length / 4, (int)_table.size(0), random);
        var candidates = torch.cat([_table.index_select(0, _nothing), _table.index_select(0, torch.tensor(targets.Candidates))], 0);   // [1 + C, D]
        var rows = features.index_select(0, torch.tensor(targets.Cells));
        // -|f - e|²/2 but for |f|²/2, which is the same for all candidates.
        var logits = (_ops.Product(rows, candidates, null) - (candidates.pow(2).sum(1) / 2)) * _logScale.exp();
        var chosen = functional.log_softmax(logits, 1).gather(1, torch.tensor(targets.Columns).unsqueeze(1)).squeeze(1);
        var weights = torch.tensor(targets.Weights(NothingWeight));
        // The pull itself, small: the softmax alone leaves directions free that no candidate of the batch spans.
        var wanted = candidates.index_select(0, torch.tensor(targets.Columns));
        var distance = (rows - wanted).pow(2).sum(1) / _table.pow(2).sum(1).mean();
        var loss = (((-chosen) + (0.5f * distance)) * weights).sum() / weights.sum();
        using var _ = torch.no_grad();
        var best = logits.argmax(1) == torch.tensor(targets.Columns);
        var tokens = torch.tensor(targets.Columns) > 0;
        return (loss, (best & tokens).sum().item<long>() / Math.Max(1f, tokens.sum().item<long>()));
    }
}
