using GuardSharp.Checkpoints;
using GuardSharp.Conversations;
using GuardSharp.Policies;
using GuardSharp.Prompts;

namespace GuardSharp.Tests.Engine;

/// <summary>A whole folder of the llama architecture, from conversation to verdict; its weights are the golden ones, its verdicts mean nothing.</summary>
public sealed class LlamaGuardTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public LlamaGuardTests() => Llama3Folders.WriteLlama(_folder.Path);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_folder_of_the_llama_architecture_judges_text_by_its_own_prompt_and_codes()
    {
        await using var guard = Load();
        Assert.Equal((PromptVariant.Guard3Small, 0), (guard.Capabilities.PromptVariant, guard.Capabilities.MaxImages));
        Assert.Equal(13, guard.DefaultPolicy.Categories.Count);
        var conversation = Conversation.OfUser("How do I pick a lock?");
        var verdict = await guard.ClassifyAsync(conversation, cancellationToken: TestContext.Current.CancellationToken);
        Assert.InRange(verdict.UnsafeProbability, 0, 1);
        Assert.Equal(13, verdict.CategoryProbabilities.Count);
        var again = await guard.ClassifyAsync(conversation, cancellationToken: TestContext.Current.CancellationToken);
        // The second time most of the conversation is known: float32 sums run in another order.
        Assert.Equal(verdict.UnsafeProbability, again.UnsafeProbability, 1e-5);
    }

    [Fact]
    public async Task A_picture_put_to_a_text_model_is_an_error_even_if_images_may_be_left_out()
    {
        await using var guard = Load(ImageLimit.LastOnly);
        Conversation conversation = new([new Turn(Role.User, [new ImagePart(new byte[] { 1 }), new TextPart("x")])]);
        var error = await Assert.ThrowsAsync<InvalidConversationException>(
            () => guard.ClassifyAsync(conversation, cancellationToken: TestContext.Current.CancellationToken));
        Assert.Contains("judges text alone", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_pruned_model_answers_with_its_own_tokens_and_refuses_codes_it_cannot_write()
    {
        var kept = Prune(["safe", "unsafe", "\n", "S1", "S2", ",S1", ",S2"]);
        await using var guard = Load();
        Assert.Equal(PromptVariant.Guard3Small, guard.Capabilities.PromptVariant);
        var options = new ClassifyOptions { Policy = Policy.MlCommons.Only("S1", "S2"), Check = true };
        var verdict = await guard.ClassifyAsync(Conversation.OfUser("x"), options, TestContext.Current.CancellationToken);
        Assert.InRange(verdict.UnsafeProbability, 0, 1);
        Assert.InRange(verdict.AnswerMass!.Value, 0, 1);
        var error = await Assert.ThrowsAsync<InvalidConversationException>(() => guard.ClassifyAsync(
            Conversation.OfUser("x"), new ClassifyOptions { Policy = Policy.MlCommons.Only("S1", "S9") }, TestContext.Current.CancellationToken));
        Assert.Contains("pruned output layer", error.Message, StringComparison.Ordinal);
        Assert.InRange(kept, 6, 30);
    }

    private GuardClassifier Load(ImageLimit limit = ImageLimit.Error) =>
        GuardClassifier.Load(_folder.Path, new GuardOptions { Threads = 1, Prompt = new PromptOptions { ImageLimit = limit } });

    /// <summary>Turns the folder into one with a pruned head that can write these texts and the end of an answer.</summary>
    private int Prune(string[] texts)
    {
        var tokenizer = GuardSharp.Tokenization.TokenizerFile.Load(_folder.Path);
        var ids = new List<int>();
        foreach (var text in texts)
        {
            tokenizer.Encode(text, ids);
        }

        tokenizer.TryGetSpecial("<|eot_id|>", out var end);
        int[] kept = [.. ids.Append(end).Distinct()];
        new GuardManifest
        {
            Name = "pruned",
            Version = "1",
            Codes = ["S1", "S2"],
            NarrowedPolicies = true,
            CustomCategories = true,
            Synthetic = true,
            PromptVariant = nameof(PromptVariant.Guard3Small),
            OutputTokens = kept,
        }.Write(_folder.Path);
        var config = _folder["config.json"];
        File.WriteAllText(config, File.ReadAllText(config).Replace("\"tie_word_embeddings\":true", "\"tie_word_embeddings\":false", StringComparison.Ordinal));
        var layout = LlamaLayout.Tensors(LlamaConfig.Read(_folder.Path)).ToList();
        using var source = Checkpoint.Open(TestFiles.Golden("llama-tiny", "tied"));
        using var writer = SafetensorsWriter.Create(_folder["model.safetensors"], layout.Select(tensor => new TensorPlan(tensor.Name, TensorType.F32, tensor.Shape)));
        foreach (var (name, _) in layout)
        {
            var numbers = source.Get(name == "lm_head.weight" ? "model.embed_tokens.weight" : name).ToSingles();
            writer.Append(name, name == "lm_head.weight" ? [.. kept.SelectMany(token => numbers.AsSpan(token * 64, 64).ToArray())] : numbers);
        }

        writer.Commit();
        return kept.Length;
    }
}
