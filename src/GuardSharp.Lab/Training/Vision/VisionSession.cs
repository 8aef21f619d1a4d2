using GuardSharp.Checkpoints;
using GuardSharp.Evaluation.Datasets;
using GuardSharp.Evaluation.Metrics;
using GuardSharp.Imaging;
using GuardSharp.Lab.Training.Rows;
using GuardSharp.Lab.Training.Text;
using GuardSharp.Tokenization;
using TorchSharp;

namespace GuardSharp.Lab.Training.Vision;

/// <summary>The picture side of a run: takes the text model (<c>model</c> in the output folder), teaches it to read and judge pictures, and writes it to <c>model-with-vision</c>.</summary>
/// <param name="config">The run's configuration.</param>
/// <param name="vision">Its vision part.</param>
/// <param name="report">Progress lines.</param>
internal sealed class VisionSession(TrainingConfig config, VisionConfig vision, Action<string> report) : IDisposable
{
    private const int ReportsPerSave = 6;
    private const int MaxDevRowsOfAClass = 120;
    // Of four tiles and a global one each, five pictures fill most of the context.
    private const int MaxImages = 5;

    private readonly TypesetFonts _fonts = TypesetFonts.Load();
    private readonly string _textFolder = Path.Combine(config.Output, "model");
    private readonly string _finalFolder = Path.Combine(config.Output, "model-with-vision");
    private int _reports;

    /// <summary>Both stages, then the model folder.</summary>
    /// <param name="resume">Whether to go on from the output folder's state.</param>
    /// <param name="cancellation">Stops after the step in progress; the state is saved.</param>
    public void Run(bool resume, CancellationToken cancellation)
    {
        torch.set_num_threads(config.Threads);
        torch.random.manual_seed(config.Seed);
        var state = new TrainingFolder(Path.Combine(config.Output, "vision"));
        var architecture = Llama4Config.Read(Path.GetDirectoryName(Path.GetFullPath(config.Architecture))!);
        if (architecture.Vision is not { } shape || architecture.ImageTokens is not { } tokens)
            throw new TrainingException($"{config.Architecture} has no vision_config, so there is no vision encoder to train. Add one, or leave \"vision\" out of the training configuration.");

        using var network = TextModel(architecture);
        network.Embedding.requires_grad_(false);
        var tokenizer = TokenizerFile.Load(_textFolder);
        var processor = new Llama4ImageProcessor(Llama4ImageSettingsFile.Parse(vision.Preprocessor, File.ReadAllBytes(vision.Preprocessor), shape.ImageSize));
        var pictures = new PictureSource(_fonts.Training, processor, shape.PatchSize, tokenizer);
        using var reading = new ReadingModel(network.Ops, network.Network, shape, network.Embedding, tokens.Patch, tokenizer);
        var learned = ReadingTrainer.EncoderOf(network.Weights).Concat(reading.Own).Select(e => (e.Name, (torch.Tensor)e.Parameter)).ToList();
        var everything = learned.Concat(network.Weights.Parameters.Where(e => e.Key.StartsWith("language_model.", StringComparison.Ordinal)).Select(e => (e.Key, (torch.Tensor)e.Value))).ToList();

        var position = new TrainingState(0, 0, 0, 0, 0);
        if (resume && state.Load(File.Exists(Path.Combine(state.Path, "judging")) ? everything : learned) is { } earlier)
            position = earlier;
        var rows = TrainingRows.Load(config.Data, report);
        if (position.Epoch == 0)
            position = Read(network, reading, pictures, rows, state, learned, position, cancellation);
        if (!cancellation.IsCancellationRequested)
            Judge(new Parts(architecture, network, reading, pictures, tokenizer, new PromptEncoder(tokenizer, shape.TokensPerTile), processor, shape.PatchSize, tokens.Patch), rows, state, everything, position, cancellation);
    }

    /// <inheritdoc/>
    public void Dispose() => _fonts.Dispose();

    private TrainingState Read(
        TextNetwork network, ReadingModel reading, PictureSource pictures, TrainingRows rows, TrainingFolder state,
        IReadOnlyList<(string Name, torch.Tensor Value)> learned, TrainingState position, CancellationToken cancellation)
    {
        var text = new ReadingText([.. rows.Train.Where(row => vision.Languages.Contains(row.Language)).Select(row => row.LastText)]);
        using var trainer = new ReadingTrainer(vision.Reading, network, reading);
        trainer.Run(random => pictures.ForReading(text, vision.Reading.Dense, random), position.RowsSeen, (line, seen) =>
        {
            report(line);
            position = position with { RowsSeen = seen };
            if (++_reports % ReportsPerSave == 0 || seen >= vision.Reading.Tiles)
                state.Save(position, learned);
        }, cancellation);
        position = position with { Epoch = 1, RowsSeen = 0 };
        if (!cancellation.IsCancellationRequested)
            state.Save(position, learned);
        return position;
    }

    private void Judge(Parts parts, TrainingRows rows, TrainingFolder state, IReadOnlyList<(string Name, torch.Tensor Value)> everything, TrainingState position, CancellationToken cancellation)
    {
        var encoder = new ExampleEncoder(parts.Tokenizer, config.Data.MaxTokens);
        var examples = rows.Train.Select((row, index) => encoder.Encode(index, row)).ToArray();
        var pictureRows = new PictureRows(vision.Judging, vision.Languages, rows.Train, examples, parts.Pictures, parts.Prompts);
        var judge = new PictureNetwork(parts.Network, parts.Reading, encoder, parts.Patch);
        using var teacher = TextModel(parts.Architecture);
        var run = new JudgingRun(vision.Judging, parts.Network, parts.Reading, judge, new PictureNetwork(teacher, null, encoder, parts.Patch), pictureRows, Mixture.Of(rows.Train, config.Data.Mixture), examples);
        var dev = Dev(parts, rows, encoder);
        using var trainer = new JudgingTrainer(run, config.Seed);
        report($"texts to typeset: {trainer.TypesetRows.Safe} safe, {trainer.TypesetRows.Unsafe} unsafe; development pictures: {dev.Pictures.Count}");
        report(Evaluate(judge, dev));
        trainer.Run(position.RowsSeen, (line, seen) =>
        {
            report(line);
            if (++_reports % ReportsPerSave != 0 && seen < vision.Judging.Pictures)
                return;
            position = position with { RowsSeen = seen };
            state.Save(position, everything);
            File.WriteAllText(Path.Combine(state.Path, "judging"), "The state holds the decoder too.\n");
            report(Evaluate(judge, dev));
            WriteModel(parts.Network, null);
        }, cancellation);
        if (cancellation.IsCancellationRequested)
            return;

        // The decoder learned on: threshold and temperature are found anew, on texts, of which there are many more than pictures.
        var texts = DevEvaluation.Of(rows.Dev, parts.Tokenizer).Run(parts.Network, encoder);
        report($"texts: {texts}");
        WriteModel(parts.Network, texts);
    }

    /// <summary>Short development texts as pictures in the font that training does not see, and the same texts as text.</summary>
    private (List<PictureExample> Pictures, List<PictureExample> Texts) Dev(Parts parts, TrainingRows rows, ExampleEncoder encoder)
    {
        var source = new PictureSource([_fonts.KeptAside], parts.Processor, parts.PatchSize, parts.Tokenizer);
        var examples = rows.Dev.Select((row, index) => encoder.Encode(index, row)).ToArray();
        var picked = new PictureRows(vision.Judging, vision.Languages, rows.Dev, examples, source, parts.Prompts);
        var random = new Random(config.Seed);
        var chosen = rows.Dev.Index()
            .Where(e => e.Item.Source is "openai-moderation" or "jbb" or "hatecheck" or "davidson" or "surge-toxicity" && examples[e.Index] is not null && picked.IsTypeset(e.Item, vision.Languages))
            .OrderBy(_ => random.Next()).GroupBy(e => e.Item.Unsafe).SelectMany(group => group.Take(MaxDevRowsOfAClass)).Select(e => e.Index).ToList();
        return ([.. chosen.Select(row => picked.Join(source.OfText(rows.Dev[row].LastText, random), null, examples[row]!, 0))], [.. chosen.Select(row => new PictureExample(null, examples[row]!, 0))]);
    }

    private static string Evaluate(PictureNetwork judge, (List<PictureExample> Pictures, List<PictureExample> Texts) dev)
    {
        bool[] labels = [.. dev.Texts.Select(e => e.Example.Unsafe)];
        var (pictures, texts) = (judge.Judge(dev.Pictures, 8), judge.Judge(dev.Texts, 32));
        return $"development: AUROC of pictures {Auroc(pictures):F3}, of the same texts {Auroc(texts):F3}; mean probability of safe pictures {Mean(pictures, false):F2}, of unsafe ones {Mean(pictures, true):F2}";

        double Auroc(float[] scores) => BinaryMetrics.Of(labels, [.. scores.Select(score => (double)score)], 0.5).Auroc ?? double.NaN;
        double Mean(float[] scores, bool isUnsafe) => scores.Where((_, i) => labels[i] == isUnsafe).DefaultIfEmpty(float.NaN).Average();
    }

    /// <summary>The trained text model; its vision encoder is fresh.</summary>
    private TextNetwork TextModel(Llama4Config architecture)
    {
        var network = new TextNetwork(architecture, config.Seed);
        network.Ops.BFloat16Products = config.BFloat16Products;
        var tensors = network.Weights.Parameters.Where(e => e.Key.StartsWith("language_model.", StringComparison.Ordinal)).Select(e => (e.Key, (torch.Tensor)e.Value)).ToList();
        LocalAttentionStart.Apply(network.Weights, architecture.Vision!);
        if (config.Start is { } start)
            ModelFolder.ReadWeights(start, network.Weights.Parameters);
        TrainingFolder.ReadTensors(Path.Combine(_textFolder, Checkpoint.SingleFileName), tensors);
        return network;
    }

    /// <summary>The text model's folder with all weights of now.</summary>
    /// <param name="network">The weights.</param>
    /// <param name="calibration">Where threshold and temperature come from; null: they stay those of the text model.</param>
    private void WriteModel(TextNetwork network, DevReport? calibration)
    {
        Directory.CreateDirectory(_finalFolder);
        foreach (var file in Directory.GetFiles(_textFolder).Where(f => Path.GetFileName(f) is not (Checkpoint.SingleFileName or GuardManifest.FileName)))
            File.Copy(file, Path.Combine(_finalFolder, Path.GetFileName(file)), overwrite: true);
        File.Copy(vision.Preprocessor, Path.Combine(_finalFolder, "preprocessor_config.json"), overwrite: true);
        TrainingFolder.WriteTensors(
            Path.Combine(_finalFolder, Checkpoint.SingleFileName),
            [.. network.Weights.Parameters.OrderBy(entry => entry.Key, StringComparer.Ordinal).Select(entry => (entry.Key, (torch.Tensor)entry.Value))],
            TensorType.BF16);
        using var checkpoint = Checkpoint.Open(_finalFolder);
        var manifest = GuardManifest.Read(_textFolder)! with { MaxImages = MaxImages, WeightsSha256 = checkpoint.Sha256 };
        if (calibration is not null)
            manifest = manifest with { Threshold = calibration.Threshold, Temperature = Math.Round(calibration.Temperature, 4) };
        manifest.Write(_finalFolder);
    }

    private sealed record Parts(
        Llama4Config Architecture, TextNetwork Network, ReadingModel Reading, PictureSource Pictures, BpeTokenizer Tokenizer, PromptEncoder Prompts, Llama4ImageProcessor Processor, int PatchSize, int Patch);
}
