using GuardSharp.Checkpoints;
using GuardSharp.Evaluation.Datasets;
using GuardSharp.Lab.Training.Pretrained;
using GuardSharp.Lab.Training.Rows;
using GuardSharp.Lab.Training.Text;
using GuardSharp.Lab.Training.Words;
using GuardSharp.Tokenization;
using TorchSharp;

namespace GuardSharp.Lab.Training;

/// <summary>One training run, from the rows to the finished model folder (<c>model</c> in the output folder).</summary>
/// <param name="config">What to do.</param>
/// <param name="report">Progress lines.</param>
internal sealed class TrainingSession(TrainingConfig config, Action<string> report)
{
    /// <summary>Trains to the end of the schedule, or until it is cancelled; then the state is saved.</summary>
    /// <param name="resume">Whether to go on from the output folder's state.</param>
    /// <param name="cancellation">Stops after the step in progress.</param>
    /// <param name="maxSteps">Stops without a model after so many steps of the whole schedule; null: at its end.</param>
    public void Run(bool resume, CancellationToken cancellation, int? maxSteps = null)
    {
        torch.set_num_threads(config.Threads);
        torch.random.manual_seed(config.Seed);
        var folder = new TrainingFolder(config.Output);
        var architecture = Llama4Config.Read(Path.GetDirectoryName(Path.GetFullPath(config.Architecture))!);
        var rows = TrainingRows.Load(config.Data, report);
        if (config.Pretrained is not null)
            rows = rows with { Train = [.. rows.Train, .. OpinionRows.Of(rows.Train, config.Seed)] };
        var mixture = Mixture.Of(rows.Train, config.Data.Mixture);
        report($"an epoch has {mixture.EpochRows} rows, {mixture.DrawEpoch(new Random(0)).Count(row => rows.Train[row].Unsafe)} of them unsafe");

        var tokenizerFile = Path.Combine(folder.Path, TokenizerFile.HuggingFaceName);
        if (config.Start is { } start && !File.Exists(tokenizerFile))
            File.Copy(Path.Combine(start, TokenizerFile.HuggingFaceName), tokenizerFile);
        TokenizerLearning.Ensure(tokenizerFile, rows.Train, architecture.Text.VocabularySize, config.Seed);
        var tokenizer = TokenizerFile.Load(tokenizerFile);
        var encoder = new ExampleEncoder(tokenizer, config.Data.MaxTokens, config.Data.MaxResponseTokens);
        using var network = new TextNetwork(architecture, config.Seed);
        network.Ops.BFloat16Products = config.BFloat16Products;
        if (config.Start is { } folderOfWeights)
            ModelFolder.ReadWeights(folderOfWeights, network.Weights.Parameters);
        var teacher = Pretrain(network, rows.Train, mixture, tokenizer);
        var examples = rows.Train.Select((row, index) => encoder.Encode(index, row, Guess(teacher, index))).ToArray();
        var run = new TextRun(config, folder, network, encoder, mixture, examples);
        using var trainer = new TextTrainer(run, teacher, DevEvaluation.Of(rows.Dev, tokenizer), report);
        trainer.Run(resume, best => ModelFolder.Write(Path.Combine(folder.Path, "model"), config, network, tokenizerFile, best), cancellation, maxSteps);
    }

    /// <summary>The likeliest category of a row, where the teachers name one.</summary>
    private static int? Guess(TeacherKnowledge? teacher, int row) =>
        teacher?.Opinions.Categories[row] is { } categories ? Array.IndexOf(categories, categories.Max()) + 1 : null;

    /// <summary>Sets the first embeddings and asks the teachers about every row that will be seen.</summary>
    private TeacherKnowledge? Pretrain(TextNetwork network, IReadOnlyList<TrainingRow> rows, Mixture mixture, BpeTokenizer tokenizer)
    {
        if (config.Pretrained is not { } pretrained)
            return null;

        using var encoder = new UseLiteEncoder(pretrained.UseLite);
        if (config.Start is null)
            StartEmbedding(network, rows, tokenizer, encoder, pretrained);
        var seen = TextTrainer.EpochsOf(config, mixture).SelectMany(mixture.DrawEpoch).ToHashSet();
        var cache = Path.Combine(Path.GetDirectoryName(Path.GetFullPath(config.Output))!, "cache", "use-lite.vectors");
        var sentences = new SentenceTeacher(encoder, config.Seed, pretrained.TeacherCharacters).Teach(rows, mixture, seen, cache, report);
        TeacherPanel.Report("sentence teacher", rows, sentences.Opinions, report);
        if (pretrained.WordShare < 0)
            return sentences with { Opinions = sentences.Opinions.Without(rows, pretrained.LabelsAlone) };
        var labelled = Enumerable.Range(0, rows.Count).Where(row => rows[row].Source != OpinionRows.Source && (seen.Contains(row) || !TrainingRow.IsOwn(rows[row].Source))).ToArray();
        var words = new WordTeacher(config.Seed, report).Teach(rows, labelled);
        TeacherPanel.Report("word teacher", rows, words, report);
        var joint = TeacherPanel.Join(rows, sentences.Opinions, words, pretrained.WordShare);
        TeacherPanel.Report("both", rows, joint, report);
        return sentences with { Opinions = joint.Without(rows, pretrained.LabelsAlone) };
    }

    private void StartEmbedding(TextNetwork network, IReadOnlyList<TrainingRow> rows, BpeTokenizer tokenizer, UseLiteEncoder encoder, PretrainedConfig pretrained)
    {
        var english = rows.Where(row => row.Language == "en").Select(row => row.LastText);
        var (table, known) = new EmbeddingComposer(tokenizer, encoder, pretrained.Glove)
            .Compose(english, network.Network.Shape.HiddenSize, pretrained.Deviation, config.Seed);
        var translated = ForeignEmbeddings.Fill(table, known, rows, tokenizer);
        using (torch.no_grad())
            network.Embedding.copy_(table);
        report($"embedding: {known.Count(isKnown => isKnown)} of {known.Length} tokens start from pretrained vectors, {translated} more from their translations");
    }
}
