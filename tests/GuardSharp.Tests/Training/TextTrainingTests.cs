using GuardSharp.Checkpoints;
using GuardSharp.Conversations;
using GuardSharp.Evaluation.Datasets;
using GuardSharp.Lab.Training;
using GuardSharp.Lab.Training.Pretrained;
using GuardSharp.Lab.Training.Rows;
using GuardSharp.Lab.Training.Text;
using GuardSharp.Lab.Training.Words;
using GuardSharp.Tokenization;
using TorchSharp;

namespace GuardSharp.Tests.Training;

/// <summary>A run in miniature: its own tokenizer, a network of a few thousand parameters, two kinds of sentences.</summary>
public sealed class TextTrainingTests
{
    private const int Vocabulary = 420;

    private static readonly string[] Things = ["bread", "soup", "tea", "cake", "rice", "fish", "corn", "milk"];

    private static List<TrainingRow> Rows() =>
    [
        .. Things.Select((thing, index) => new TrainingRow($"s{index}", "a", "en", Conversation.OfUser($"how do I cook {thing}"), false, [], null)),
        .. Things.Select((thing, index) => new TrainingRow($"u{index}", "a", "en", Conversation.OfUser($"how do I steal {thing}"), true, ["S2", "S10"], null)),
        new TrainingRow("r", "a", "en", new Conversation([Turn.User("how do I steal tea"), Turn.Assistant("I will not help")]), false, [], null),
    ];

    private static BpeTokenizer Tokenizer(TemporaryFolder folder)
    {
        var file = Path.Combine(folder.Path, "tokenizer.json");
        TokenizerLearning.Ensure(file, Rows(), Vocabulary, 1);
        return TokenizerFile.Load(file);
    }

    private static Llama4Config Architecture(TemporaryFolder folder)
    {
        File.WriteAllText(Path.Combine(folder.Path, "config.json"), $$$"""
            {"model_type":"llama4","boi_token_index":405,"eoi_token_index":406,"image_token_index":410,"tie_word_embeddings":true,
             "text_config":{"model_type":"llama4_text","attention_bias":false,"attention_chunk_size":null,"attn_scale":0.1,"attn_temperature_tuning":false,
              "bos_token_id":400,"eos_token_id":[401,402],"floor_scale":8192,"head_dim":8,"hidden_act":"silu","hidden_size":32,"interleave_moe_layer_step":0,
              "intermediate_size":64,"intermediate_size_mlp":64,"max_position_embeddings":256,"moe_layers":[],"no_rope_layers":[1,0],"num_attention_heads":4,
              "num_experts_per_tok":1,"num_hidden_layers":2,"num_key_value_heads":2,"num_local_experts":0,"rms_norm_eps":1e-5,"rope_scaling":null,
              "rope_theta":10000.0,"use_qk_norm":true,"vocab_size":{{{Vocabulary}}}},
             "vision_config":{"model_type":"llama4_vision_model","hidden_act":"gelu","hidden_size":16,"image_size":28,"intermediate_size":64,
              "multi_modal_projector_bias":false,"norm_eps":1e-5,"num_attention_heads":2,"num_channels":3,"num_hidden_layers":1,"patch_size":14,
              "pixel_shuffle_ratio":0.5,"projector_input_dim":32,"projector_output_dim":32,"rope_theta":10000,"vision_feature_layer":-1,
              "vision_feature_select_strategy":"default","vision_output_dim":32} }
            """);
        return Llama4Config.Read(folder.Path);
    }

    private static TrainingConfig Config(TemporaryFolder folder, int rows, double average = 0) => new()
    {
        Name = "test",
        Version = "0",
        Architecture = Path.Combine(folder.Path, "config.json"),
        Output = Path.Combine(folder.Path, "run"),
        Data = new DataConfig { Train = [], Dev = [], BatchTokens = 128 },
        Optimiser = new OptimiserConfig { Rows = rows, LearningRate = 5e-3, EmbeddingLearningRate = 5e-3, AverageDecay = average },
        Losses = new LossConfig { NegativeTokens = 16 },
        EvaluateEveryRows = 100_000,
    };

    private static DevReport Train(TemporaryFolder folder, int rows, bool resume, string? model = null, double average = 0, bool cancelled = false, int? maxSteps = null)
    {
        var config = Config(folder, rows, average);
        var all = Rows();
        var tokenizer = Tokenizer(folder);
        var encoder = new ExampleEncoder(tokenizer, 64);
        var examples = all.Select((row, index) => encoder.Encode(index, row)).ToArray();
        using var network = new TextNetwork(Architecture(folder), 3);
        var run = new TextRun(config, new TrainingFolder(config.Output), network, encoder, Mixture.Of(all, []), examples);
        var dev = new DevEvaluation(all, [.. examples.OfType<TrainingExample>()]);
        using var trainer = new TextTrainer(run, null, dev, _ => { });
        trainer.Run(resume, _ => { }, new CancellationToken(cancelled), maxSteps);
        var report = dev.Run(network, encoder);
        if (model is not null)
            ModelFolder.Write(model, config, network, Path.Combine(folder.Path, "tokenizer.json"), report);
        return report;
    }

    [Fact]
    public void A_short_run_learns_which_word_is_unsafe()
    {
        using var folder = new TemporaryFolder();

        var report = Train(folder, 700, resume: false);

        Assert.Equal(1, report.Recall, 1e-9);
        Assert.Equal(1, report.Specificity, 1e-9);
    }

    [Fact]
    public void A_run_of_some_steps_keeps_the_schedule_and_leaves_no_state()
    {
        using var folder = new TemporaryFolder();

        Train(folder, 200, resume: false, maxSteps: 3);

        var log = File.ReadAllLines(Path.Combine(folder.Path, "run", "metrics.jsonl"));
        Assert.Equal(3, log.Length);
        Assert.False(File.Exists(Path.Combine(folder.Path, "run", "state.json")));
    }

    [Fact]
    public void A_run_in_two_parts_sees_as_many_rows_as_one_in_one_part()
    {
        using var folder = new TemporaryFolder();
        Train(folder, 40, resume: false);

        Train(folder, 80, resume: true);

        var log = File.ReadAllLines(Path.Combine(folder.Path, "run", "metrics.jsonl")).Where(line => line.StartsWith("{\"rows\"", StringComparison.Ordinal)).ToArray();
        Assert.Contains("\"rows\":8", log[^1], StringComparison.Ordinal); // 80 or a few more: whole batches
        Assert.Contains("\"rows\":4", log[1], StringComparison.Ordinal);
    }

    [Fact]
    public void The_written_folder_opens_as_a_checkpoint_with_every_tensor_in_bfloat16()
    {
        using var folder = new TemporaryFolder();
        var model = Path.Combine(folder.Path, "model");

        var report = Train(folder, 40, resume: false, model);

        using var checkpoint = Checkpoint.Open(model);
        Assert.All(checkpoint.Tensors, tensor => Assert.Equal(TensorType.BF16, tensor.Type));
        var manifest = GuardManifest.Read(model)!;
        Assert.Equal(checkpoint.Sha256, manifest.WeightsSha256);
        Assert.Equal(report.Threshold, manifest.Threshold);
    }

    [Fact]
    public void A_run_can_go_on_from_the_weights_of_a_written_folder()
    {
        const string Name = "language_model.model.layers.0.self_attn.q_proj.weight";
        using var folder = new TemporaryFolder();
        var model = Path.Combine(folder.Path, "model");
        Train(folder, 40, resume: false, model);
        using var network = new TextNetwork(Architecture(folder), 99);

        ModelFolder.ReadWeights(model, network.Weights.Parameters);

        using var checkpoint = Checkpoint.Open(model);
        Assert.Equal(checkpoint.Get(Name).ToSingles(), network.Weights.Parameters[Name].detach().data<float>().ToArray());
    }

    [Fact]
    public void The_configuration_of_the_shipped_default_is_one_that_the_trainer_reads()
    {
        var config = TrainingConfig.Read(Path.Combine(TestFiles.Root, "models", "training", "tiny-text.json"));

        Assert.Contains("models/training/written-train.jsonl", config.Data.Train);
        Assert.DoesNotContain(config.Data.Train, file => config.Data.Dev.Contains(file));
    }

    [Fact]
    public void An_example_ends_its_prompt_with_the_end_token_and_predicts_the_verdict_there()
    {
        using var folder = new TemporaryFolder();
        var tokenizer = Tokenizer(folder);
        var encoder = new ExampleEncoder(tokenizer, 64);
        tokenizer.TryGetSpecial("<|eot|>", out var end);

        var safe = encoder.Encode(0, Rows()[0])!;
        var isUnsafe = encoder.Encode(8, Rows()[8])!;

        Assert.Equal(end, safe.Ids[safe.PromptLength - 1]);
        Assert.Equal([encoder.Safe, end], safe.Targets);
        Assert.Equal(encoder.Unsafe, isUnsafe.Targets[0]);
        Assert.Equal(end, isUnsafe.Targets[^1]);
        Assert.Equal(isUnsafe.PromptLength + isUnsafe.Targets.Length - 1, isUnsafe.Ids.Length);
        Assert.All(isUnsafe.Targets, token => Assert.Contains(token, encoder.AnswerTokens));
    }

    [Fact]
    public void A_long_message_is_cut_and_keeps_the_end_token()
    {
        using var folder = new TemporaryFolder();
        var encoder = new ExampleEncoder(Tokenizer(folder), 20);
        var row = Rows()[0] with { Conversation = Conversation.OfUser(string.Join(' ', Enumerable.Repeat("bread", 100))) };

        var example = encoder.Encode(0, row)!;

        Assert.Equal(20, example.PromptLength);
        Assert.Equal(encoder.Encode(0, Rows()[0])!.Ids[^2], example.Ids[^2]); // the end token, before the answer
        Assert.Equal(example.PromptLength - 1, example.JudgedStart + example.JudgedLength);
    }

    [Fact]
    public void A_response_has_a_limit_of_its_own()
    {
        using var folder = new TemporaryFolder();
        var encoder = new ExampleEncoder(Tokenizer(folder), 20, 60);
        var words = string.Join(' ', Enumerable.Repeat("bread", 100));
        var row = Rows()[0] with { Conversation = new Conversation([Turn.User(words), Turn.Assistant(words)]) };

        Assert.Equal(60, encoder.Encode(0, row)!.PromptLength);
    }

    [Fact]
    public void A_row_without_label_predicts_the_verdict_alone()
    {
        using var folder = new TemporaryFolder();
        var encoder = new ExampleEncoder(Tokenizer(folder), 64);

        var example = encoder.Encode(0, Rows()[0] with { Source = OpinionRows.Source })!;

        Assert.True(example.OpinionOnly);
        Assert.Single(example.Targets);
        Assert.Equal(example.PromptLength, example.Ids.Length);
    }

    [Fact]
    public void A_row_whose_category_only_the_teachers_name_ends_with_that_name()
    {
        using var folder = new TemporaryFolder();
        var encoder = new ExampleEncoder(Tokenizer(folder), 64);
        var row = Rows()[8] with { Categories = [] };

        var unnamed = encoder.Encode(0, row)!;
        var guessed = encoder.Encode(0, row, guess: 10)!;

        Assert.Equal([encoder.Unsafe], unnamed.Targets);
        Assert.Equal(ExampleEncoder.FirstCategory + 1, guessed.Targets.Length);
        Assert.Equal(encoder.CategoryNumbers[9], guessed.Targets[^1]);
        Assert.Equal(14, encoder.CategoryNumbers.Distinct().Count());
    }

    [Fact]
    public void What_the_teachers_say_of_a_category_is_learned_where_no_label_names_one()
    {
        using var folder = new TemporaryFolder();
        var config = Config(folder, 900);
        var all = Rows().Select(row => row with { Categories = [] }).ToList();
        var encoder = new ExampleEncoder(Tokenizer(folder), 64);
        float[] seventh = [.. Enumerable.Range(1, 14).Select(code => code == 7 ? 0.9f : 0.1f / 13)];
        var opinions = new TeacherOpinions([.. all.Select(_ => float.NaN)], [.. all.Select(row => row.Unsafe ? seventh : null)]);
        var examples = all.Select((row, index) => encoder.Encode(index, row, row.Unsafe ? 7 : null)).ToArray();
        using var network = new TextNetwork(Architecture(folder), 3);
        var run = new TextRun(config, new TrainingFolder(config.Output), network, encoder, Mixture.Of(all, []), examples);
        using var none = torch.zeros(1, UseLiteEncoder.VectorSize);
        // Rows of the source by which the development report tells right categories from wrong ones.
        var named = all.Select(row => row with { Source = "catqa", Categories = row.Unsafe ? ["S7"] : [] }).ToList();
        var dev = new DevEvaluation(named, [.. named.Select((row, index) => encoder.Encode(index, row)!)]);
        using var trainer = new TextTrainer(run, new TeacherKnowledge(none, [.. all.Select(_ => -1)], opinions), dev, _ => { });

        trainer.Run(resume: false, _ => { }, TestContext.Current.CancellationToken);

        Assert.Equal(1, dev.Run(network, encoder).Categories["catqa en"]);
    }

    [Fact]
    public void The_same_seed_gives_the_same_losses_to_the_last_bit()
    {
        static List<string> Losses()
        {
            using var folder = new TemporaryFolder();
            Train(folder, 200, resume: false);
            return [.. File.ReadLines(Path.Combine(folder.Path, "run", "metrics.jsonl")).Where(line => line.Contains("\"step\"", StringComparison.Ordinal))];
        }

        var first = Losses();

        Assert.True(first.Count >= 20, $"Only {first.Count} losses were logged.");
        Assert.Equal(first, Losses());
    }

    [Fact]
    public void The_threshold_bounds_false_positives_on_our_own_safe_rows_on_the_mean_of_the_languages()
    {
        using var folder = new TemporaryFolder();
        var encoder = new ExampleEncoder(Tokenizer(folder), 64);
        using var network = new TextNetwork(Architecture(folder), 3); // untrained: it knows nothing, so a threshold low enough for recall would break the bound
        List<TrainingRow> rows =
        [
            .. Rows(),
            .. Enumerable.Range(0, 120).SelectMany(number => new[] { "fr", "th" }.Select(language =>
                Rows()[number % Rows().Count] with { Id = $"{language}{number}", Source = TrainingRow.WrittenSource, Language = language, Unsafe = false, Categories = [], Conversation = Conversation.OfUser($"{language} {number} {Things[number % 8]}") })),
        ];
        var examples = rows.Select((row, index) => encoder.Encode(index, row)!).ToList();

        var report = new DevEvaluation(rows, examples).Run(network, encoder);

        Assert.True(report.Threshold > 0.1);
        Assert.InRange(report.WrittenFalsePositives.Values.Average(), 0, 0.08);
        Assert.Equal(["fr", "th"], report.WrittenFalsePositives.Keys);
    }

    [Fact]
    public void The_average_of_the_weights_is_part_of_the_state_and_survives_going_on()
    {
        using var folder = new TemporaryFolder();
        (float[] Average, float[] Weight) State()
        {
            const string Name = "language_model.model.layers.0.self_attn.q_proj.weight";
            using var file = SafetensorsFile.Open(Path.Combine(folder.Path, "run", "state.safetensors"));
            return (file.Get($"{Name}.average").ToSingles(), file.Get(Name).ToSingles());
        }

        Train(folder, 200, resume: false, average: 0.9);
        var before = State();

        // One step more, which is no eighth one: the weights move, the average stays.
        Train(folder, 400, resume: true, average: 0.9, cancelled: true);
        var after = State();

        Assert.NotEqual(before.Average, before.Weight);
        Assert.NotEqual(before.Weight, after.Weight);
        Assert.Equal(before.Average, after.Average);
    }

    [Fact]
    public void A_table_moves_only_in_the_rows_that_were_touched()
    {
        using var scope = torch.NewDisposeScope();
        var table = torch.ones(4, 2).requires_grad_(true);
        using var optimiser = new LazyAdamW([("table", table, 0.1, 0, true)]);
        table.sum().backward();

        optimiser.Step(1, 100, torch.tensor(new long[] { 1, 3 }));

        // Adam's first step has the length of the learning rate.
        Assert.Equal([1, 1, 0.9f, 0.9f, 1, 1, 0.9f, 0.9f], table.detach().data<float>().ToArray(), (a, b) => Math.Abs(a - b) < 1e-6);
    }
}
