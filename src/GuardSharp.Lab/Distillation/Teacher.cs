using GuardSharp.Lab.FineTuning;
using GuardSharp.Lab.FineTuning.Network;
using GuardSharp.Lab.FineTuning.Rows;
using GuardSharp.Lab.Training;
using GuardSharp.Models;
using GuardSharp.Policies;
using GuardSharp.Prompts;
using GuardSharp.Tensors;
using GuardSharp.Tensors.Cpu;
using GuardSharp.Tokenization;
using GuardSharp.Torch;
using TorchSharp;

namespace GuardSharp.Lab.Distillation;

/// <summary>A frozen model that says what it would answer where a student has to.</summary>
/// <remarks>
/// It reads the student's prompts, token by token. Beside a student on the processor it runs on the engine of inference: its weights stay mapped as
/// they are stored, so an 8B teacher takes 16 GB of file cache, or 5 in four bits, where torch would hold 32 GB of singles. Beside one on a GPU it runs there.
/// </remarks>
internal sealed class Teacher : IDisposable
{
    private readonly BaseModel _model;
    private readonly ITensorOps _ops;
    private readonly TorchWeights? _copied;
    private readonly IGuardNetwork _network;

    private Teacher(BaseModel model, ITensorOps ops, TorchWeights? copied, IGuardNetwork network) => (_model, _ops, _copied, _network) = (model, ops, copied, network);

    /// <summary>The tokens it can answer with; null: all.</summary>
    public IReadOnlySet<int>? OutputTokens => _model.Config.Dimensions.OutputTokens;

    /// <summary>Wording of the prompts it knows by itself.</summary>
    public PromptVariant OwnVariant => PromptVariants.Of(_model.Folder, _model.Manifest, null);

    /// <summary>Opens a teacher for a student.</summary>
    /// <param name="folder">Its folder.</param>
    /// <param name="student">Who learns of it.</param>
    /// <param name="device">Where the student learns.</param>
    /// <param name="threads">Threads on a processor; null: all cores.</param>
    /// <exception cref="GuardException">It cannot be loaded, or has other tokens than the student.</exception>
    public static Teacher Open(string folder, BaseModel student, torch.Device device, int? threads)
    {
        RequireSameTokens(folder, student.Folder);
        var model = BaseModel.Open(folder, student.Variant);
        ITensorOps? ops = null;
        TorchWeights? copied = null;
        try
        {
            var stored = new CheckpointWeights(model.Checkpoint, model.Config.NamesIn(model.Checkpoint));
            ops = device.type == DeviceType.CPU ? new CpuOps(threads ?? 0) : new TorchOps(device);
            copied = device.type == DeviceType.CPU ? null : new TorchWeights(stored, device);
            var network = GuardNetworks.Create(ops, (IWeightSource?)copied ?? stored, model.Config);
            stored.RequireAllUsed();
            return new Teacher(model, ops, copied, network);
        }
        catch
        {
            copied?.Dispose();
            ops?.Dispose();
            model.Dispose();
            throw;
        }
    }

    /// <summary>Its logits of some tokens at every position of a pack that predicts an answer token: [answers, tokens], row by row.</summary>
    /// <exception cref="TrainingException">The pack has pictures that it reads otherwise than the student.</exception>
    public float[] Logits(SftPack pack, ReadOnlySpan<int> tokens, BaseModel student)
    {
        using var scope = _ops.Scope();
        var spans = PackPass.Spans(pack);
        var pictures = new List<Tensor>();
        foreach (var image in pack.Examples.SelectMany(example => example.Images))
        {
            if (_model.Tokens != student.Tokens)
            {
                throw new TrainingException($"{_model.Folder} reads pictures otherwise than {student.Folder}, so it cannot teach about them. Leave rows with pictures out (maxImages 0).");
            }

            using var one = _ops.Scope();
            pictures.Add(_ops.Keep(PackInput.Encode(_ops, _network, image, _model.Tokens.TileSize)));
        }

        var input = PackInput.Join(_ops, _network, pack, spans, pictures, _model.Tokens.PatchToken);
        var hidden = ForwardPass.Run(_ops, _network, input.Hidden, spans, input.Reading);
        var logits = _network.Logits(_network.Final(hidden, AnswerLoss.Rows(pack)), tokens);
        var values = new float[logits.Length];
        _ops.Read(logits, values);
        return values;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _copied?.Dispose();
        _ops.Dispose();
        _model.Dispose();
    }

    // Equal sizes, special tokens and cuts of the hazards' texts: tokenizers that agree there and differ elsewhere have not been seen.
    private static void RequireSameTokens(string teacher, string student)
    {
        var (own, other) = (ModelTokenizer.Load(teacher), ModelTokenizer.Load(student));
        var isSame = own.VocabularySize == other.VocabularySize
            && own.Specials.Count == other.Specials.Count && own.Specials.All(special => other.TryGetSpecial(special.Key, out var id) && id == special.Value)
            && Policy.MlCommons.Categories.Select(category => $"{category.Code}: {category.Name} {category.Description}").All(text => Ids(own, text).SequenceEqual(Ids(other, text)));
        if (!isSame)
        {
            throw new TrainingException(
                $"{teacher} has other tokens ({own.VocabularySize}) than {student} ({other.VocabularySize}), so their logits cannot be compared. Choose a teacher of the same generation.");
        }
    }

    private static List<int> Ids(BpeTokenizer tokenizer, string text)
    {
        var ids = new List<int>();
        tokenizer.Encode(text, ids);
        return ids;
    }
}
