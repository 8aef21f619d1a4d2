// An endpoint whose chat is guarded; policies and thresholds stand in appsettings.json.
// curl -X POST localhost:5080/chat -H "Content-Type: application/json" -d '{"message":"What is the capital of France?"}'
using GuardSharp.Extensions.AI;
using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.Extensions.AI;

var builder = WebApplication.CreateBuilder(args);
builder.Services.AddGuard(builder.Configuration.GetSection("Guard"));
builder.Services.AddHealthChecks().AddGuard();
builder.Services.AddChatClient(LocalModel.Create()).UseGuard();
var app = builder.Build();

app.MapPost("/chat", async (Question question, IChatClient client, CancellationToken cancellation) =>
{
    var response = await client.GetResponseAsync(question.Message, cancellationToken: cancellation);
    return new Answer(response.Text, response.IsBlocked(), response.GetVerdict()?.UnsafeProbability, response.GetVerdict()?.Categories);
});
app.MapHealthChecks("/health/live", new HealthCheckOptions { Predicate = check => check.Tags.Contains(GuardServiceCollectionExtensions.LiveTag) });
app.MapHealthChecks("/health/ready", new HealthCheckOptions { Predicate = check => check.Tags.Contains(GuardServiceCollectionExtensions.ReadyTag) });
app.Run();

internal sealed record Question(string Message);

internal sealed record Answer(string Text, bool Blocked, double? UnsafeProbability, IReadOnlyList<string>? Categories);
