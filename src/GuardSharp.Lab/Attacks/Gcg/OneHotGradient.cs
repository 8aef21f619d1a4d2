using GuardSharp.Models;
using GuardSharp.Tensors;
using GuardSharp.Torch;
using TorchSharp;

namespace GuardSharp.Lab.Attacks.Gcg;

/// <summary>How the verdict would change with every token of a suffix: the gradient of the log-odds of "unsafe" with respect to the one-hot tokens.</summary>
/// <remarks>
/// A one-hot row times the embedding table is a row of the table, so by the chain rule the gradient with respect to it is the gradient of the embedding
/// times the table: the one-hot matrix itself is never made. Shapes: L tokens of the suffix, V rows of the table.
/// </remarks>
internal sealed class OneHotGradient : IDisposable
{
    private const string TableName = "embed_tokens.weight";

    private readonly TorchOps _ops;
    private readonly TorchWeights _weights;
    private readonly IGuardNetwork _network;
    private readonly torch.Tensor _table;

    /// <param name="source">The weights; they stay as they are.</param>
    /// <param name="create">Makes the network.</param>
    /// <param name="device">Where it computes.</param>
    public OneHotGradient(IWeightSource source, Func<ITensorOps, IWeightSource, IGuardNetwork> create, torch.Device device)
    {
        _ops = new TorchOps(device) { Gradients = true };
        _weights = new TorchWeights(source, device);
        _network = create(_ops, _weights);
        _table = _weights.Parameters.First(entry => entry.Key.EndsWith(TableName, StringComparison.Ordinal)).Value;
    }

    /// <summary>Rows of the embedding table.</summary>
    public int Rows => (int)_table.size(0);

    /// <summary>The tokens of each place that would lower the loss most, by the gradient, best first.</summary>
    /// <param name="prompts">The prompts that the suffix stands in, each with the weight of its log-odds in the loss.</param>
    /// <param name="suffix">The suffix as it stands.</param>
    /// <param name="vocabulary">The tokens that may be used.</param>
    /// <param name="topK">How many of each place.</param>
    public int[][] Best(IReadOnlyList<(VerdictPrompt Prompt, double Weight)> prompts, int[] suffix, TypableTokens vocabulary, int topK)
    {
        using var scope = torch.NewDisposeScope();
        var gradient = torch.zeros(suffix.Length, _table.size(0), device: _ops.Device);              // [L, V]
        foreach (var (prompt, weight) in prompts)
        {
            gradient.add_(Of(prompt, suffix), weight);
        }

        using var frozen = torch.no_grad();
        var allowed = torch.tensor(vocabulary.Ids.Select(id => (long)id).ToArray(), device: _ops.Device);
        var (_, places) = torch.topk(gradient.index_select(1, allowed), Math.Min(topK, vocabulary.Ids.Count), 1, largest: false);
        var best = allowed.index_select(0, places.reshape(-1)).cpu().data<long>().ToArray();
        return [.. best.Chunk((int)places.size(1)).Select(row => row.Select(id => (int)id).ToArray())];
    }

    /// <summary>The gradient with respect to the one-hot tokens: [L, V]. It lives in the caller's scope.</summary>
    public torch.Tensor Of(VerdictPrompt prompt, int[] suffix)
    {
        using var scope = torch.NewDisposeScope();
        var embeddings = _table.index_select(0, torch.tensor(suffix.Select(id => (long)id).ToArray(), device: _ops.Device)).detach().requires_grad_();
        LogOdds(prompt, embeddings).backward();
        using var frozen = torch.no_grad();
        return torch.nn.functional.linear(embeddings.grad!, _table).MoveToOuterDisposeScope();
    }

    /// <summary>The log-odds of "unsafe" against "safe" with the suffix given as embeddings [L, hidden]: one number.</summary>
    public torch.Tensor LogOdds(VerdictPrompt prompt, torch.Tensor embeddings)
    {
        using var scope = _ops.Scope();
        var length = (int)embeddings.size(0);
        // What stands in the suffix's place is replaced: any token will do.
        int[] ids = [.. prompt.Before, .. new int[length], .. prompt.After];
        int[] places = [.. Enumerable.Range(prompt.Before.Length, length)];
        var hidden = _ops.ScatterRows(_network.Embed(ids), places, _ops.FromTorch(embeddings));
        hidden = ForwardPass.Run(_ops, _network, hidden, [SequenceSpan.Self(0, ids.Length)], lastRows: [1]);
        var logits = TorchOps.AsTorch(_network.Logits(_network.Final(hidden, [0]), [prompt.Safe, prompt.Unsafe]));   // [1, 2]
        return (logits[0, 1] - logits[0, 0]).MoveToOuterDisposeScope();
    }

    /// <summary>The embeddings of some tokens: [L, hidden]; of weighted mixtures of tokens where <paramref name="oneHot"/> is not one-hot.</summary>
    internal torch.Tensor Embeddings(torch.Tensor oneHot) => torch.nn.functional.linear(oneHot, _table.t());

    /// <inheritdoc/>
    public void Dispose()
    {
        _weights.Dispose();
        _ops.Dispose();
    }
}

/// <summary>A prompt around a suffix, and the tokens of its verdict.</summary>
/// <param name="Before">Ids in front of the suffix; at least one.</param>
/// <param name="After">Ids behind it, up to the verdict; at least one.</param>
/// <param name="Safe">The token of "safe".</param>
/// <param name="Unsafe">The token of "unsafe".</param>
internal sealed record VerdictPrompt(int[] Before, int[] After, int Safe, int Unsafe);
