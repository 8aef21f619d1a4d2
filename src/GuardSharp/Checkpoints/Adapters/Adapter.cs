using System.Security.Cryptography;
using System.Text;

namespace GuardSharp.Checkpoints.Adapters;

/// <summary>The two matrices of an adapted module where their file put them: A is [rank, inputs], B is [outputs, rank].</summary>
internal readonly record struct AdapterPair(TensorEntry A, TensorEntry B);

/// <summary>A LoRA adapter in PEFT's folder: adapter_config.json and adapter_model.safetensors, mapped. Knows nothing of the model it belongs to.</summary>
/// <remarks>Tensors are named <c>base_model.model.MODULE.lora_A.weight</c> and <c>.lora_B.weight</c>. Safe from any thread until disposed.</remarks>
internal sealed class Adapter : IDisposable
{
    /// <summary>The file of the weights.</summary>
    public const string WeightsFileName = "adapter_model.safetensors";

    /// <summary>What every tensor's name begins with.</summary>
    public const string Prefix = "base_model.model.";

    /// <summary>What the name of an A ends with.</summary>
    public const string DownSuffix = ".lora_A.weight";

    /// <summary>What the name of a B ends with.</summary>
    public const string UpSuffix = ".lora_B.weight";

    private readonly SafetensorsFile _file;
    private readonly Dictionary<string, AdapterPair> _modules = new(StringComparer.Ordinal);

    private Adapter(string folder, SafetensorsFile file)
    {
        _file = file;
        Name = new DirectoryInfo(folder).Name;
        Config = AdapterConfig.Read(folder);
        Origin = AdapterOrigin.Read(folder);
        foreach (var tensor in file.Tensors)
        {
            Check(tensor);
        }

        foreach (var down in file.Tensors.Where(tensor => tensor.Name.EndsWith(DownSuffix, StringComparison.Ordinal)))
        {
            var module = down.Name[Prefix.Length..^DownSuffix.Length];
            _modules.Add(module, new AdapterPair(down, Partner(down, UpSuffix)));
        }
    }

    /// <summary>The folder's name.</summary>
    public string Name { get; }

    /// <summary>Rank, scale and targets.</summary>
    public AdapterConfig Config { get; }

    /// <summary>The weights it was trained on, where its folder says so.</summary>
    public AdapterOrigin? Origin { get; }

    /// <summary>The adapted modules as the file names them.</summary>
    public IReadOnlyDictionary<string, AdapterPair> Modules => _modules;

    /// <summary>Maps an adapter's folder and checks names, types and ranks.</summary>
    /// <exception cref="CheckpointException">It holds no adapter of a kind that is supported, or a damaged one; the message names file, key or tensor.</exception>
    public static Adapter Open(string folder)
    {
        var weights = Path.Combine(folder, WeightsFileName);
        if (!File.Exists(weights))
        {
            throw new CheckpointException(File.Exists(Path.ChangeExtension(weights, ".bin"))
                ? $"{folder}: holds adapter_model.bin, which is not read because it may hold code. Save the adapter again with safe_serialization=True."
                : $"{folder}: there is no {WeightsFileName}. Give the folder that PEFT or guardsharp-lab wrote.");
        }

        var file = SafetensorsFile.Open(weights);
        try
        {
            return new Adapter(folder, file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>What tells a base with this adapter from others: the SHA-256 over those of both and the scale.</summary>
    /// <param name="weights">The digest of the base.</param>
    public WeightsDigest DigestOver(WeightsDigest weights)
    {
        var own = WeightsDigest.Compute([_file]);
        var all = Encoding.UTF8.GetBytes(string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{weights.Hex}\n{own.Hex}\n{Config.Scale:R}"));
        return new WeightsDigest(Convert.ToHexStringLower(SHA256.HashData(all)), weights.IsSample || own.IsSample);
    }

    /// <summary>The matrices of a module; null: it is not adapted.</summary>
    /// <param name="module">Its published name, or that under which transformers holds it in memory since 4.52 (mllama).</param>
    /// <param name="inputs">Its inputs.</param>
    /// <param name="outputs">Its outputs.</param>
    /// <exception cref="CheckpointException">A or B is for a module of another size.</exception>
    public AdapterPair? Find(string module, long outputs, long inputs)
    {
        if (!_modules.TryGetValue(module, out var pair) && !_modules.TryGetValue(MllamaNames.Nested(module), out pair))
        {
            return null;
        }

        if (pair.A.Shape[1] != inputs || pair.B.Shape[0] != outputs)
        {
            throw new CheckpointException(
                $"{pair.A.Description} and B is {Printable.Shape(pair.B.Shape)}, but \"{module}\" of the base is {Printable.Shape([outputs, inputs])}. Was the adapter trained on another model{(Config.BaseModel is { } name ? $", {Printable.Of(name)}" : "")}?");
        }

        return pair;
    }

    /// <summary>Fails when the base has not asked for every tensor: the adapter then is for another network, or does less than it was trained for.</summary>
    /// <param name="asked">The modules that the base asked for and got.</param>
    public void RequireAllUsed(IReadOnlySet<string> asked)
    {
        var unused = _modules.Where(module => !asked.Contains(module.Value.A.Name)).Select(module => module.Value.A.Name).Order(StringComparer.Ordinal).ToList();
        if (unused.Count > 0)
        {
            throw new CheckpointException(
                $"{WeightsFileName}: {unused.Count} modules are not part of the base, the first tensor is \"{Printable.Of(unused[0])}\". Was the adapter trained on another model{(Config.BaseModel is { } name ? $", {Printable.Of(name)}" : "")}?");
        }
    }

    /// <summary>Unmaps the file. Addresses of tensors must not be used any more.</summary>
    public void Dispose() => _file.Dispose();

    private void Check(TensorEntry tensor)
    {
        var isDown = tensor.Name.EndsWith(DownSuffix, StringComparison.Ordinal);
        if (!tensor.Name.StartsWith(Prefix, StringComparison.Ordinal) || (!isDown && !tensor.Name.EndsWith(UpSuffix, StringComparison.Ordinal)))
        {
            throw new CheckpointException(
                $"{tensor.Description} and is neither {Prefix}MODULE{DownSuffix} nor {Prefix}MODULE{UpSuffix}. Adapters of embeddings, DoRA's magnitudes and modules trained in full are not applied: train linear layers alone.");
        }

        if (tensor.Type is not (TensorType.F32 or TensorType.F16 or TensorType.BF16))
        {
            throw new CheckpointException($"{tensor.Description}; adapters may be F32, F16 or BF16.");
        }

        if (tensor.Shape.Length != 2 || tensor.Shape[isDown ? 0 : 1] != Config.Rank)
        {
            throw new CheckpointException(
                $"{tensor.Description}, but {AdapterConfig.FileName} says r {Config.Rank}: {(isDown ? $"[{Config.Rank}, inputs]" : $"[outputs, {Config.Rank}]")} is needed. Are both from the same training?");
        }

        var module = tensor.Name[Prefix.Length..^DownSuffix.Length];
        if (!Config.Covers(module))
        {
            throw new CheckpointException($"{tensor.Description}, but target_modules of {AdapterConfig.FileName} does not name it. Are both from the same training?");
        }

        Partner(tensor, isDown ? UpSuffix : DownSuffix);
    }

    private TensorEntry Partner(TensorEntry tensor, string suffix)
    {
        var name = string.Concat(tensor.Name.AsSpan(0, tensor.Name.Length - DownSuffix.Length), suffix);
        return _file.TryGet(name, out var partner)
            ? partner
            : throw new CheckpointException($"{WeightsFileName}: tensor \"{Printable.Of(name)}\" is missing beside \"{Printable.Of(tensor.Name)}\". Is the file complete?");
    }
}
